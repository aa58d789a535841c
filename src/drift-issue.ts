/** Drift of the whole fleet as one issue on the code host, kept up to date and closed when there is none. */
import { openPlatform, type PlatformOptions } from './open-platform.ts';
import { driftTitle, renderDriftMarkdown } from './render/render-drift.ts';
import { wordsOf, type Language } from './render/words.ts';
import type { DriftResult, Workspace } from './workspace.ts';

const marker = '<!-- soll:drift -->';
/** GitHub takes 65,536 characters; the rest is for what the code host or a redaction adds. */
const reserve = 5_000;

/** `kept`: no drift was seen, but not everything could be looked at, so what an older issue says may still be true. */
export async function tellDrift(ws: Workspace, { report, problems, plans }: DriftResult, options: PlatformOptions & { readonly language: Language }): Promise<'updated' | 'closed' | 'kept'> {
  const words = wordsOf(options.language);
  const whole = report.unreachable.length === 0 && ![...problems, ...plans.flatMap((plan) => plan.problems)].some(({ severity }) => severity === 'error');
  if (report.causes.length === 0 && !whole) return 'kept';
  const opened = await openPlatform(ws, options);
  const { platform } = opened;
  try {
    if (report.causes.length === 0) {
      await platform.upsertIssue(marker, undefined);
      return 'closed';
    }
    const body = ws.redactor.redact(`${marker}\n${renderDriftMarkdown(report, words, options.language, platform.bodyLimit - reserve)}`);
    await platform.upsertIssue(marker, { title: driftTitle(report, words), body });
    return 'updated';
  } finally {
    await opened.close();
  }
}
