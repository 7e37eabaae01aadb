# Completion of muster, musterd and muster-worker in bash.
#
# Nothing is listed here: commands, options and the values that have names are read from the
# programs' own --help when TAB is pressed, and names of queues, kinds, schedules and jobs are asked
# of the broker, which has half a second to answer. Installed below share/bash-completion; without
# that package: source this file in ~/.bashrc.
# shellcheck shell=bash

# Prints "OPTION ARGUMENT DESCRIPTION" a line, parted by tabs, of what a program's --help says.
# ARGUMENT is "-" for an option that takes none.
_muster_options()
{
    local line option='' argument text=''
    local begins='^ {2,6}(-., )?(--[a-z][a-z-]*)([= ]([^ ]+))?( {2,}(.*))?$'
    while IFS= read -r line; do
        if [[ $line =~ $begins ]]; then
            [[ $option ]] && printf '%s\t%s\t%s\n' "$option" "$argument" "$text"
            option=${BASH_REMATCH[2]} argument=${BASH_REMATCH[4]:--} text=${BASH_REMATCH[6]}
        elif [[ $option && $line =~ ^\ {20,}([^ ].*)$ ]]; then
            text+=" ${BASH_REMATCH[1]}"
        elif [[ $option ]]; then
            printf '%s\t%s\t%s\n' "$option" "$argument" "$text"
            option=''
        fi
    done < <("$@" --help 2>/dev/null)
    [[ $option ]] && printf '%s\t%s\t%s\n' "$option" "$argument" "$text"
}

# Prints the commands of muster, one a line.
_muster_commands()
{
    local line inside=''
    while IFS= read -r line; do
        case $line in
        Commands:) inside=1 ;;
        '') inside='' ;;
        *) [[ $inside && $line =~ ^\ \ ([a-z]+( [a-z]+)?)\ {2,} ]] && echo "${BASH_REMATCH[1]}" ;;
        esac
    done < <("$1" --help 2>/dev/null)
}

# ---- what the broker knows ----

# Asks the broker that the line names, or the usual one.
_muster_ask()
{
    local program=muster
    [[ ${1##*/} == muster ]] && program=$1
    shift
    "$program" ${broker:+--broker "$broker"} --timeout 500ms "$@" --json 2>/dev/null
}

# Prints the strings that stand under a key of JSON in standard input.
_muster_strings()
{
    grep -o "\"$1\":\\(\"[^\"]*\"\\|\\[[^]]*\\]\\)" | sed 's/^"[^"]*"://' | grep -o '"[^"]*"' |
        tr -d '"' | sort -u
}

_muster_known()
{
    case $2 in
    NAME | SOURCE) # an entry's args may have any keys: only those of schedules stand so in a row
        _muster_ask "$1" schedule list | grep -o '"name":"[^"]*","source":"[^"]*","paused":' |
            _muster_strings "${2,,}"
        ;;
    QUEUE*) _muster_ask "$1" queues | _muster_strings queue ;;
    KIND) _muster_ask "$1" workers | _muster_strings kinds | grep -vxF '*' ;;
    ID*)
        if [[ $command == parked* ]]; then
            _muster_ask "$1" parked list | _muster_strings id
        else
            _muster_ask "$1" list | _muster_strings id
        fi
        ;;
    esac
}

# ---- values ----

# Takes what begins with the value from standard input, one a line.
_muster_offer()
{
    local word
    while IFS= read -r word; do
        [[ $word == "$value"* ]] && COMPREPLY+=("$word")
    done
}

_muster_files()
{
    compopt -o filenames 2>/dev/null
    local before=$1
    shift
    _muster_offer < <(compgen "$@" -- "${value#"$before"}" | sed "s|^|$before|")
}

# Values that a description lists: "text or json", "a, b or c", "0 (first) to 9", "linear:5s".
_muster_listed()
{
    local list='(([a-z_]+, )*[a-z_]+) or ([a-z_]+)' range='^([0-9]) .*to ([0-9])( |$)' word
    if [[ $1 == *:* ]]; then
        for word in $2; do
            [[ $word =~ ^([a-z]+:)[0-9] ]] && echo "${BASH_REMATCH[1]}"
        done
    elif [[ $2 =~ $range ]]; then
        seq "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    elif [[ $2 =~ $list ]]; then
        printf '%s\n' "${BASH_REMATCH[1]//, /$'\n'}" "${BASH_REMATCH[3]}"
    fi
}

_muster_zones()
{
    sed -n 's/^Z \([^ ]*\) .*/\1/p; s/^L [^ ]* //p' "${TZDIR:-/usr/share/zoneinfo}/tzdata.zi" 2>/dev/null
}

# _muster_value PROGRAM ARGUMENT DESCRIPTION: completes $value.
_muster_value()
{
    case $2 in
    FILE) _muster_files '' -f ;;
    DIR) _muster_files '' -d ;;
    TZ | ZONE) _muster_offer < <(_muster_zones) ;;
    ENDPOINT)
        compopt -o nospace 2>/dev/null
        if [[ $value == ipc://* ]]; then
            _muster_files ipc:// -f
        else
            _muster_offer <<<$'tcp://\nipc://'
        fi
        ;;
    KIND=*) [[ $value == *=* ]] && _muster_files "${value%%=*}=" -f ;;
    QUEUE | KIND | ID) _muster_offer < <(_muster_known "$1" "$2") ;;
    NAME) [[ $awaited == --source ]] && _muster_offer < <(_muster_known "$1" SOURCE) ;;
    'NAME[:WEIGHT]') _muster_offer < <(_muster_known muster QUEUE) ;;
    STATE | FORMAT | LEVEL | POLICY | N | KIND:*)
        [[ $2 == *:* ]] && compopt -o nospace 2>/dev/null
        _muster_offer < <(_muster_listed "$2" "$3")
        ;;
    esac
}

# ---- words ----

# Topics that the help of monitor shows as job.{started,failed}.QUEUE.
_muster_topics()
{
    local word name middle names
    for word in $("$1" monitor --help 2>/dev/null); do
        word=${word%.QUEUE}
        if [[ $word =~ ^([a-z]+)\.\{([a-z,]+)\}$ ]]; then
            name=${BASH_REMATCH[1]}
            IFS=, read -ra names <<<"${BASH_REMATCH[2]}"
            for middle in "${names[@]}"; do
                echo "$name.$middle"
            done
        elif [[ $word =~ ^[a-z]+\.[a-z]+$ ]]; then
            echo "$word"
        fi
    done
}

# A word of the command that is no option: what its usage names first, again and again if it says
# ID..., else files.
_muster_word()
{
    local usage
    usage=$("$1" "${command_words[@]}" --help 2>/dev/null | sed -n '1s/^Usage: //p')
    usage=${usage#"muster $command"}
    usage=${usage# }
    case $usage in
    ID...*) _muster_offer < <(_muster_known "$1" ID) ;;
    NAME...*) _muster_offer < <(_muster_known "$1" NAME) ;;
    '[TOPIC...]'*) _muster_offer < <(_muster_topics "$1") ;;
    FILE* | '[FILE]'*) ((word_count == 0)) && _muster_files '' -f ;;
    ID* | QUEUE* | KIND* | NAME*)
        if ((word_count == 0)); then
            _muster_offer < <(_muster_known "$1" "${usage%%[^A-Z]*}")
        elif [[ $value == @* ]]; then
            _muster_files @ -f
        fi
        ;;
    esac
}

# Of the commands, or the second words of one.
_muster_command_word()
{
    if ((${#command_words[@]})); then
        _muster_offer < <(sed -n "s/^${command_words[0]} //p" <<<"$commands")
    else
        _muster_offer < <(cut -d ' ' -f 1 <<<"$commands" | sort -u; echo help)
    fi
}

# Reads the words before the cursor into command, command_words, word_count, broker and awaited (an
# option whose value comes next).
_muster_read_words()
{
    local word
    for word in "${@:2}"; do
        if [[ $awaited ]]; then
            [[ $awaited == --broker ]] && broker=$word
            awaited=''
        elif [[ $word == --*=* ]]; then
            [[ $word == --broker=* ]] && broker=${word#*=}
        elif [[ $word == --* ]]; then
            [[ $(_muster_options "$1" "${command_words[@]}") =~ (^|$'\n')"$word"$'\t'[^-] ]] &&
                awaited=$word
        elif [[ $command || ${1##*/} != muster ]]; then
            ((word_count += 1))
        elif ! [[ ${#command_words[@]} == 0 && $word == help ]]; then
            command_words+=("$word")
            [[ $'\n'$commands$'\n' == *$'\n'"${command_words[*]}"$'\n'* ]] &&
                command=${command_words[*]}
        fi
    done
}

_muster()
{
    COMPREPLY=()
    local program=${1/#\~/$HOME} line=${COMP_LINE:0:COMP_POINT}
    local command='' command_words=() word_count=0 broker='' awaited=''
    local value words option argument text commands=''
    type "$program" >/dev/null 2>&1 || return
    [[ ${program##*/} == muster ]] && commands=$(_muster_commands "$program")
    # Our own split: bash's is at = and : as well.
    value=${line##*[[:space:]]}
    read -ra words <<<"${line%"$value"}"
    while ((${#words[@]} > 1)) && [[ ${words[0]} != "$1" ]]; do
        words=("${words[@]:1}")
    done
    _muster_read_words "$program" "${words[@]:1}"

    local before=''
    if [[ ! $awaited && $value == --*=* ]]; then
        before=${value%%=*}=
        awaited=${value%%=*} value=${value#*=}
    fi
    if [[ $awaited ]]; then
        while IFS=$'\t' read -r option argument text; do
            [[ $option == "$awaited" ]] && _muster_value "$program" "$argument" "$text"
        done < <(_muster_options "$program" "${command_words[@]}")
    elif [[ $value == -* ]]; then
        _muster_offer < <(_muster_options "$program" "${command_words[@]}" | cut -f 1)
    elif [[ ${program##*/} != muster ]]; then
        _muster_offer < <(_muster_options "$program" | cut -f 1)
    elif [[ $command ]]; then
        _muster_word "$program"
    else
        _muster_command_word
    fi

    # Bash replaces what stands after the last of its own breaks.
    local breaks='' stem=''
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+='='
    [[ $breaks && $value == *[$breaks]* ]] && stem=${value%"${value##*["$breaks"]}"}
    COMPREPLY=("${COMPREPLY[@]#"$stem"}")
    [[ $before && $breaks != *=* && ! $stem ]] && COMPREPLY=("${COMPREPLY[@]/#/$before}")
} && complete -F _muster muster musterd muster-worker
