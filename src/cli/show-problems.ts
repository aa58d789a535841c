import type { Problem } from '#contract';
import { renderAnnotations, renderProblems } from '../render/render-problems.ts';
import { tell, viewOf, type OutputOptions } from './output.ts';

/** Problems go to standard error; in GitHub Actions as annotations too, so that they stand at their line in the pull request. */
export function showProblems(problems: readonly Problem[], texts: ReadonlyMap<string, string>, output: OutputOptions, redact: (text: string) => string): void {
  if (problems.length === 0 || output.format === 'json') return;
  const { paint, words } = viewOf(output);
  tell(renderProblems({ problems, texts, paint, words }), redact);
  if (process.env['GITHUB_ACTIONS'] === 'true') tell(renderAnnotations(problems), redact);
}
