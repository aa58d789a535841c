/** Answers that are errors, with the codes of the documentation's error pages. */
export class GraphError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Not the real service's fault: the stand-in does not know it and says so loudly. */
export const unknownTo = (what: string): GraphError => new GraphError(400, 'UnknownToStandIn', `${what} is not known to the stand-in`);
export const notFound = (id: string): GraphError => new GraphError(404, 'Request_ResourceNotFound', `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`);
export const badRequest = (message: string): GraphError => new GraphError(400, 'Request_BadRequest', message);
