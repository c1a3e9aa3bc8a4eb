"""``auditproxy completion``: scripts that complete commands and flags in bash, zsh and fish.

They are made from the flag tables alone and call nothing while the user types.
"""

from collections.abc import Sequence

from auditproxy.flags.command import Command
from auditproxy.flags.help import ALL, GROUPS, first_sentence
from auditproxy.flags.pflag import BOOL, LIST, STRING, Flag

SHELLS = ("bash", "zsh", "fish")
_LONGEST = 70
"""Characters of a description; shells show one a line."""
_MOST_WORDS = 10_000
"""Words of a command line, where there is no bound."""


def completion(shell: str, commands: Sequence[Command]) -> str:
    """The script for one of SHELLS."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


def _is_text(flag: Flag) -> bool:
    """Whether the value may be a path: files are offered for it."""
    return not flag.choices and (flag.kind is STRING or flag.kind is LIST)


def names_of(flag: Flag) -> tuple[str, ...]:
    """The flag as it is typed: by its name and by its letter."""
    return (f"--{flag.name}", *([f"-{flag.shorthand}"] if flag.shorthand else ()))


def _topics(command: Command) -> tuple[str, ...]:
    return (*GROUPS, ALL) if command.common else (ALL,)


def _described(flag: Flag) -> str:
    text = first_sentence(flag.usage)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3].rstrip()}..."


def _bash(commands: Sequence[Command]) -> str:
    names = " ".join(command.name for command in commands)
    cases = ""
    for command in commands:
        flags = " ".join(
            f"--{flag.name}" if flag.kind is BOOL else f"--{flag.name}=" for flag in command.flags
        )
        switches = " ".join(f"--{flag.name}" for flag in command.flags if flag.kind is BOOL)
        files = " ".join(
            name for flag in command.flags if _is_text(flag) for name in names_of(flag)
        )
        choices = " ".join(
            f"{name}:{','.join(flag.choices)}"
            for flag in command.flags
            if flag.choices
            for name in names_of(flag)
        )
        cases += (
            f"    {command.name})\n"
            f'      flags="{flags}"\n'
            f'      switches=" {switches} "\n'
            f'      files=" {files} "\n'
            f'      choices=" {choices} "\n'
            f'      words="{" ".join(command.words)}"\n'
            f'      operands="{"files" if command.operand else ""}"\n'
            f'      topics="{" ".join(_topics(command))}" ;;\n'
        )
    return f"""\
# bash completion of auditproxy; in ~/.bashrc: source <(auditproxy completion bash)
_auditproxy_files() {{
  # An array of $(...) would be split at spaces, and wildcards in names expanded.
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    COMPREPLY+=("$file")
  done < <(compgen -f -- "$current")
}}
_auditproxy() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" flag="" offered="" flags switches files words topics
  local choices operands before="${{COMP_WORDS[COMP_CWORD-1]}}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{names}" -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}    *) return ;;
  esac
  # bash makes a word of its own of each equals sign.
  if [ "$current" = "=" ]; then
    flag="$before" current=""
  elif [ "$before" = "=" ]; then
    flag="${{COMP_WORDS[COMP_CWORD-2]}}"
  elif [[ "$files" == *" $before "* || "$choices" == *" $before:"* ]]; then
    flag="$before"
  fi
  if [ "$flag" = "--help" ]; then
    offered="$topics"
  elif [ -n "$flag" ] && [[ "$switches" == *" $flag "* ]]; then
    offered="true false"
  elif [ -n "$flag" ] && [[ "$choices" == *" $flag:"* ]]; then
    offered="${{choices#*" $flag:"}}"
    offered="${{offered%% *}}"
    offered="${{offered//,/ }}"
  elif [ -n "$flag" ] && [[ "$files" == *" $flag "* ]]; then
    _auditproxy_files
    return
  elif [ -z "$flag" ] && [ "$words" ] && [ "$COMP_CWORD" -eq 2 ] && [[ "$current" != -* ]]; then
    offered="$words"
  elif [ -z "$flag" ] && [ "$operands" ] && [[ "$current" != -* ]]; then
    _auditproxy_files
    return
  elif [ -z "$flag" ]; then
    offered="$flags"
  fi
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
  [[ "${{COMPREPLY[0]-}}" == *= ]] && compopt -o nospace 2>/dev/null
}}
complete -F _auditproxy auditproxy
"""


def _zsh(commands: Sequence[Command]) -> str:
    described = " ".join(
        _quoted(f"{command.name}:{_plain(first_sentence(command.summary))}") for command in commands
    )
    cases = ""
    for command in commands:
        specs = [spec for flag in command.flags for spec in _zsh_flag(command, flag)]
        if command.words:
            specs.append(_quoted(f"1:word:({' '.join(command.words)})"))
        if command.operand:
            specs.append(_quoted("*:path:_files"))
        cases += f"    {command.name})\n      _arguments -S \\\n        "
        cases += " \\\n        ".join(specs) + " ;;\n"
    return f"""\
#compdef auditproxy
# zsh completion of auditproxy; in ~/.zshrc, after compinit: source <(auditproxy completion zsh)
_auditproxy() {{
  local -a commands
  commands=({described})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{cases}  esac
}}
if [ "$funcstack[1]" = "_auditproxy" ]; then
  _auditproxy "$@"
else
  compdef _auditproxy auditproxy
fi
"""


def _zsh_flag(command: Command, flag: Flag) -> list[str]:
    """The flag, and its letter where that has a value."""
    text = f"[{_plain(_described(flag))}]"
    if flag.name == "help":
        return [_quoted(f"--help=-{text}::group:({' '.join(_topics(command))})")]
    if flag.kind is BOOL:
        return [_quoted(f"--{flag.name}=-{text}::value:(true false)")]
    repeated = "*" if flag.kind is LIST else ""
    values = (
        f":({' '.join(flag.choices)})" if flag.choices else ":_files" if _is_text(flag) else ": "
    )
    names = [f"--{flag.name}="] + ([f"-{flag.shorthand}+"] if flag.shorthand else [])
    return [_quoted(f"{repeated}{name}{text}:{flag.kind.name}{values}") for name in names]


def _fish(commands: Sequence[Command]) -> str:
    lines = [
        "# fish completion of auditproxy; in config.fish: auditproxy completion fish | source",
        "# Whether the command is this one, and has so many words: those before the cursor's.",
        "function __auditproxy_in",
        "  set -l tokens (commandline -opc)",
        '  test "$tokens[2]" = "$argv[1]"',
        '  and test (count $tokens) -ge "$argv[2]" -a (count $tokens) -le "$argv[3]"',
        "end",
        "complete -c auditproxy -f",
    ]
    for command in commands:
        summary = _quoted(_plain(first_sentence(command.summary)))
        lines.append(
            f"complete -c auditproxy -n __fish_use_subcommand -a {command.name} -d {summary}"
        )
    for command in commands:
        start, past = (
            f"complete -c auditproxy -n '__auditproxy_in {command.name} {least} {_MOST_WORDS}'"
            for least in (2, 3)
        )
        if command.words:
            first = f"complete -c auditproxy -n '__auditproxy_in {command.name} 2 2'"
            lines.append(f"{first} -a '{' '.join(command.words)}'")
        if command.operand:
            lines.append(f"{past if command.words else start} -F")
        for flag in command.flags:
            letter = f" -s {flag.shorthand}" if flag.shorthand else ""
            values = "" if flag.kind is BOOL else " -r -F" if _is_text(flag) else " -x"
            if flag.choices:
                values += f" -a '{' '.join(flag.choices)}'"
            text = _quoted(_plain(_described(flag)))
            lines.append(f"{start} -l {flag.name}{letter}{values} -d {text}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text without what the shells' description syntax gives a meaning to."""
    return "".join(
        {"[": "(", "]": ")", ":": ",", "\\": "", "`": "", "\n": " "}.get(char, char)
        for char in text
    )


def _quoted(text: str) -> str:
    """In single quotes; those in it are between two quoted texts."""
    return "'" + text.replace("'", "'\\''") + "'"
