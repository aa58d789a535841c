import type { Command } from 'commander';
import { exitCodes, type ExitCode } from '../exit-codes.ts';

/** Made from the commands themselves, so that it cannot fall behind. */
export function runCompletion(program: Command, shell: string): ExitCode {
  const commands = program.commands.filter((command) => command.name() !== 'completion');
  const flags = (command: Command): string => command.options.flatMap(({ long }) => (typeof long === 'string' ? [long] : [])).join(' ');
  const cases = commands.map((command) => `    ${command.name()}) words="${[...command.commands.map((sub) => sub.name()), flags(command)].join(' ')}";;`).join('\n');
  const body = `  local words="${commands.map((command) => command.name()).join(' ')}"\n  case "$1" in\n${cases}\n  esac\n  local names=""; [ -d customers ] && names="$(ls customers 2>/dev/null)"\n`;
  if (shell === 'bash') {
    process.stdout.write(`_soll_words() {\n${body}  echo "$words $names"\n}\n_soll() {\n  COMPREPLY=($(compgen -W "$(_soll_words "\${COMP_WORDS[1]}")" -- "\${COMP_WORDS[COMP_CWORD]}"))\n}\ncomplete -F _soll soll\n`);
    return exitCodes.ok;
  }
  if (shell === 'zsh') {
    process.stdout.write(`#compdef soll\n_soll_words() {\n${body}  echo "$words $names"\n}\n_soll() { compadd -- \${=$(_soll_words "\${words[2]}")} }\ncompdef _soll soll\n`);
    return exitCodes.ok;
  }
  process.stderr.write(`completion for ${JSON.stringify(shell)} is not there; bash or zsh\n`);
  return exitCodes.invalid;
}
