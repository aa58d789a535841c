import type { Command } from 'commander';
import { exitCodes, type ExitCode } from '../exit-codes.ts';

/** Words after each command, and after options that take one of a few values; made from the commands themselves, so that it cannot fall behind. */
function cases(program: Command, schemas: readonly string[]): string {
  const lines = (command: Command, path: readonly string[]): readonly string[] => {
    const flags = command.options.flatMap(({ long, short, argChoices }) => [long, short].filter((flag): flag is string => typeof flag === 'string').map((flag) => ({ flag, long: flag === long, argChoices })));
    const choices = flags.flatMap(({ flag, argChoices }) => (argChoices === undefined ? [] : [`    "${[...path, flag].join(' ')}") words="${argChoices.join(' ')}"; only=1;;`]));
    const own = [...command.commands.map((sub) => sub.name()), ...(command.name() === 'schema' ? schemas : []), ...(command.name() === 'completion' ? ['bash', 'zsh'] : []), ...flags.filter((each) => each.long).map(({ flag }) => flag)];
    return [...choices, `    "${path.join(' ')}") words="${own.join(' ')}";;`, ...command.commands.flatMap((sub) => lines(sub, [...path, sub.name()]))];
  };
  return program.commands.flatMap((command) => lines(command, [command.name()])).join('\n');
}

/**
 * `_soll_words COMMAND SUBCOMMAND PREVIOUS`. Folder names come from whoever wrote the repository and the shell expands what it completes from:
 * only names that a customer can have are offered.
 */
function wordsFunction(program: Command, schemas: readonly string[]): string {
  const pairs = program.commands.flatMap((command) => command.commands.map((sub) => `"${command.name()} ${sub.name()}"`)).join('|');
  const withCustomers = program.commands.filter((command) => command.commands.length > 0 || command.registeredArguments.some((argument) => argument.name().startsWith('customer'))).map((command) => command.name()).join('|');
  return `_soll_words() {
  local words="" only="" key="$1" folder name
  case "$1 $2" in ${pairs}) key="$1 $2";; esac
  case "$key $3" in
${cases(program, schemas).split('\n').filter((line) => line.includes('only=1')).join('\n')}
  esac
  [ -n "$only" ] && { printf '%s' "$words"; return; }
  case "$3" in --out|-o|--plan|--root|-C) return;; esac
  case "$key" in
    "") words="${[...program.commands.map((command) => command.name()), '--help', '--version'].join(' ')}";;
${cases(program, schemas).split('\n').filter((line) => !line.includes('only=1')).join('\n')}
  esac
  case "$1" in ${withCustomers})
    for folder in customers/*/; do
      name="\${folder#customers/}"; name="\${name%/}"
      case "$name" in ''|*[!a-z0-9-]*) ;; *) words="$words $name";; esac
    done;;
  esac
  printf '%s' "$words"
}`;
}

export function runCompletion(program: Command, shell: string, schemas: readonly string[]): ExitCode {
  const words = wordsFunction(program, schemas);
  if (shell === 'bash') {
    process.stdout.write(`${words}
_soll() {
  local current="\${COMP_WORDS[COMP_CWORD]}" first="" second=""
  [ "$COMP_CWORD" -gt 1 ] && first="\${COMP_WORDS[1]}"
  [ "$COMP_CWORD" -gt 2 ] && second="\${COMP_WORDS[2]}"
  COMPREPLY=($(compgen -W "$(_soll_words "$first" "$second" "\${COMP_WORDS[COMP_CWORD-1]}")" -- "$current"))
}
complete -o default -F _soll soll
`);
    return exitCodes.ok;
  }
  if (shell === 'zsh') {
    process.stdout.write(`#compdef soll
${words}
_soll() {
  local first="" second="" found
  (( CURRENT > 2 )) && first="\${words[2]}"
  (( CURRENT > 3 )) && second="\${words[3]}"
  found=($(_soll_words "$first" "$second" "\${words[CURRENT-1]}"))
  if (( \${#found} )); then compadd -- $found; else _files; fi
}
compdef _soll soll
`);
    return exitCodes.ok;
  }
  process.stderr.write(`completion for ${JSON.stringify(shell)} is not there; bash or zsh\n`);
  return exitCodes.invalid;
}
