# Runs the JVM given as arguments; standard input is a pipe whose other end only the tool holds.
# A line on it is a signal's name for the JVM. Its end means that the tool is gone: the JVM goes too.
# Ctrl-C is for the tool alone, which stops its JVMs when the command it runs is done.
trap '' INT HUP
exec 3<&0 </dev/null
"$@" 3<&- &
jvm=$!
(
    trap '' TERM
    while read -r signal; do kill -s "$signal" "$jvm"; done
    kill -s KILL "$jvm"
) <&3 2>/dev/null &
watcher=$!
exec 3<&-
wait "$jvm"
code=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$code"
