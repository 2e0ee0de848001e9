"""``lunix completion``: the script that a shell loads. It asks ``lunix complete`` for each word."""

from argparse import Namespace

_BASH = r"""# lunix: completions for bash
_lunix() {
    local IFS=$'\n' word
    COMPREPLY=()
    while read -r word; do
        COMPREPLY+=("${word%%$'\t'*}")
    done < <(lunix complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    # A subject that goes on after its last dot, or one more name after a comma.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *. ]] && compopt -o nospace 2>/dev/null
    # * and > mean something to the shell.
    local index
    for index in "${!COMPREPLY[@]}"; do
        case ${COMPREPLY[index]} in
            *[\*\>\<]*) COMPREPLY[index]="'${COMPREPLY[index]}'" ;;
        esac
    done
}
complete -o default -F _lunix lunix
"""

_ZSH = r"""#compdef lunix
# lunix: completions for zsh
_lunix() {
    local line word
    local -a found shown
    for line in "${(@f)$(lunix complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        word=${line%%$'\t'*}
        [[ -n $word ]] || continue
        found+=("$word")
        shown+=("${line//$'\t'/  -- }")
    done
    if (( $#found )); then
        compadd -l -d shown -a found
    else
        _files
    fi
}
(( $+functions[compdef] )) && compdef _lunix lunix
"""

_FISH = r"""# lunix: completions for fish
function __lunix_complete
    set -l words (commandline -opc) (commandline -ct)
    lunix complete -- $words[2..-1] 2>/dev/null
end
complete -c lunix -f -a '(__lunix_complete)'
complete -c lunix -n '__fish_seen_argument -l state' -F
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def run(arguments: Namespace) -> int:
    """Print the script of a shell."""
    print(SCRIPTS[arguments.shell], end="")
    return 0
