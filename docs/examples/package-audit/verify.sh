#!/bin/sh
# package.verify: are the files of one Debian package still as the package brought them?
#
#   args     {"package": "bash"}; "root": "/some/folder" looks at a system that lies in a folder
#   result   {"files": 12, "bytes": 3456, "excluded": 0, "unreadable": 0, "stripped": 0}
#
# The whole contract of a handler: the job's args are JSON on stdin, stdout is its result, the last
# line of stderr is the error's message, and the exit status decides. 0: completed. 65: parked,
# since trying again would not help. Any other: failed, and tried again later.
#
# What dpkg left out on purpose (path-exclude), what another package diverted or took over, and what
# this user may not read is counted and never an error: as debsums does it.
set -u
export LC_ALL=C

park() {
    echo "$1" >&2
    exit 65
}

# ---- the args: two flat strings need no JSON library; what is neither is refused ----

args=$(tr -d '\n')
field() {
    printf '%s\n' "$args" |
        sed -n "s/^{\(.*,\)\{0,1\} *\"$1\": *\"\([^\"\\\\]*\)\" *\(,.*\)\{0,1\}}\$/\2/p"
}
package=$(field package)
root=$(field root)
case $package in
'' | *[!a-z0-9+.:-]*) park "args need a package's name: {\"package\": \"bash\"}, not $args" ;;
esac
case $root in
/ | '') root= ;;
/*) root=${root%/} ;;
*) park "root is not an absolute path: $root" ;;
esac

database=$root/var/lib/dpkg
sums=$database/info/$package.md5sums
[ -e "$sums" ] || sums=$database/info/$package:$(dpkg --print-architecture).md5sums
[ -e "$sums" ] || sums=$database/info/${package%:*}.md5sums
[ -e "$sums" ] || park "dpkg has no checksums for $package: $sums"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# ---- dpkg's own knowledge: rules that leave files out, and diverted files ----

# rules: dpkg's path-exclude and path-include, a line each: exclude PATTERN
rules() {
    for config in "$root"/etc/dpkg/dpkg.cfg.d/* "$root/etc/dpkg/dpkg.cfg"; do
        case ${config##*/} in
        dpkg.cfg) ;;
        *[!A-Za-z0-9_-]*) continue ;; # dpkg does not read such a name either
        esac
        [ -r "$config" ] || continue
        sed -n 's/^path-\(exclude\|include\)[[:space:]=]\{1,\}\(.*\)$/\1 \2/p' "$config"
        echo # the file's last line may lack its end
    done | sed "s/[[:space:]]*\$//; s/^\([^ ]*\) [\"']\(.*\)[\"']\$/\1 \2/; s/\[^/[!/g"
}

# excluded PATH: the last rule that matches decides
excluded() {
    [ -e "$work/rules" ] || rules >"$work/rules" # most packages need none
    verdict=include
    while read -r rule pattern; do
        # shellcheck disable=SC2254  # a pattern it is
        case $1 in $pattern) verdict=$rule ;; esac
    done <"$work/rules"
    [ "$verdict" = exclude ]
}

diversions=$(dpkg-divert --admindir "$database" --list) || exit 1

# diverted PATH: prints where this package's file is: elsewhere if another package or the
# administrator (LOCAL) moved it
diverted() {
    if [ "$(dpkg-divert --admindir "$database" --listpackage "$1")" = "${package%:*}" ]; then
        echo "$1"
    else
        dpkg-divert --admindir "$database" --truename "$1"
    fi
}

# hidden PATH: it cannot be seen, because a folder above it may not be entered
hidden() {
    folder=${1%/*}
    until [ -d "${folder:-/}" ]; do folder=${folder%/*}; done
    [ ! -x "${folder:-/}" ]
}

# slimmed FOLDER: was usr/share/FOLDER emptied to make an image smaller? Then most of what the base
# system keeps there is gone.
slimmed() {
    for base in bash coreutils dpkg sed util-linux; do
        [ -r "$database/info/$base.md5sums" ] && cat "$database/info/$base.md5sums"
    done | sed -n "/\/copyright\$/d; s|^[0-9a-f]*  \(usr/share/$1/.*\)|\1|p" >"$work/base"
    balance=0
    while read -r path; do
        if [ -e "$root/$path" ]; then balance=$((balance - 1)); else balance=$((balance + 1)); fi
    done <"$work/base"
    [ "$balance" -gt 0 ]
}

# ---- sort the files: to be read, or why not ----

files=0 excluded=0 unreadable=0 stripped=0 wrong=0 first=

# wrong PATH WHY: remembers a file that is not as it should be
wrong() {
    echo "$root$1: $2" >&2
    wrong=$((wrong + 1))
    first=${first:-$root$1: $2}
}

while read -r sum path || [ -n "$path" ]; do
    case $diversions in
    *"diversion of /$path to "*) file=$(diverted "/$path") ;;
    *) file=/$path ;;
    esac
    if [ -f "$root$file" ] && [ -r "$root$file" ]; then
        files=$((files + 1))
        printf '%s  %s\n' "$sum" "$root$file"
    elif [ -f "$root$file" ]; then
        unreadable=$((unreadable + 1))
    elif [ -e "$root$file" ]; then
        wrong "$file" 'is not a regular file'
    elif excluded "/$path"; then
        excluded=$((excluded + 1))
    elif hidden "$root$file"; then
        unreadable=$((unreadable + 1))
    else
        case $file in
        /usr/share/doc/* | /usr/share/info/* | /usr/share/locale/* | /usr/share/man/*)
            rest=${file#/usr/share/}
            echo "$file" >>"$work/${rest%%/*}"
            ;;
        *) wrong "$file" 'is missing' ;;
        esac
    fi
done <"$sums" >"$work/check"

for folder in doc info locale man; do
    [ -s "$work/$folder" ] || continue
    if slimmed "$folder"; then
        stripped=$((stripped + $(wc -l <"$work/$folder")))
    else
        while read -r file; do wrong "$file" 'is missing'; done <"$work/$folder"
    fi
done

# ---- read them: one md5sum for all; only what differs is looked at again ----

if [ -s "$work/check" ] && ! md5sum -c --quiet "$work/check" >"$work/differ" 2>/dev/null; then
    sed -n 's/: FAILED.*$//; /^\\/ { s/^.//; s/\\\\/\\/g; }; p' "$work/differ" >"$work/again"
    while read -r file; do
        actual=$(md5sum <"$file") || exit 1
        path=${file#"$root/"}
        # A package that replaces this one may have brought its own version of the file.
        grep -Fxqs "${actual%% *}  $path" "$database"/info/*.md5sums ||
            wrong "/$path" "differs from what $package brought"
    done <"$work/again"
fi

[ "$wrong" -le 1 ] || echo "$first (and $((wrong - 1)) more)" >&2
[ "$wrong" -eq 0 ] || exit 65

bytes=$(cut -c35- "$work/check" | tr '\n' '\0' | xargs -0r stat -L -c %s |
    awk '{ sum += $1 } END { printf "%.0f", sum }')
printf '{"files": %d, "bytes": %s, "excluded": %d, "unreadable": %d, "stripped": %d}\n' \
    "$files" "$bytes" "$excluded" "$unreadable" "$stripped"
