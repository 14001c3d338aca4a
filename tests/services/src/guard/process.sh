# Runs the one process given as arguments; standard input is a pipe whose other end only the tool holds.
# A line on it is a signal's name for the process. Its end means that the tool is gone: the process goes too.
# Ctrl-C is for the tool alone, which stops its services when the command it runs is done.
trap '' INT HUP
exec 3<&0 </dev/null
"$@" 3<&- &
process=$!
(
    trap '' TERM
    while read -r signal; do kill -s "$signal" "$process"; done
    kill -s KILL "$process"
) <&3 2>/dev/null &
watcher=$!
exec 3<&-
wait "$process"
code=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$code"
