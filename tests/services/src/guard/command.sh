# Runs the command given as arguments, in the foreground: a shell's background commands ignore Ctrl-C.
# Standard input is a pipe whose other end only the tool holds. A line on it is a signal's name for the
# command and all it started (this process group). Its end means that the tool is done or gone: what is
# left of the group is killed, this shell included.
trap : INT TERM HUP
exec 3<&0 </dev/null
(
    trap '' INT TERM HUP
    while read -r signal; do kill -s "$signal" 0; done
    kill -s KILL 0
) <&3 2>/dev/null &
"$@" 3<&-
exit "$?"
