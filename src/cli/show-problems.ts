import type { Problem } from '#contract';
import { renderAnnotations, renderProblems } from '../render/render-problems.ts';
import { wordsOf } from '../render/words.ts';
import { errorPaint, tell, type OutputOptions } from './output.ts';

/** Problems go to standard error; in GitHub Actions as annotations too, so that they stand at their line in the pull request. */
export function showProblems(problems: readonly Problem[], texts: ReadonlyMap<string, string>, output: OutputOptions, redact: (text: string) => string): void {
  if (problems.length === 0 || output.format === 'json' || output.format === 'github') return;
  tell(renderProblems({ problems, texts, paint: errorPaint(output), words: wordsOf(output.language) }), redact);
  if (process.env['GITHUB_ACTIONS'] === 'true') tell(renderAnnotations(problems), redact);
}
