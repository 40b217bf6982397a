# Ends the process groups that stdin names, once stdin ends: who named them is gone then, and cannot do it any more.
# A line is `+ GROUP` for one that was started, `- GROUP` for one that has ended. $1: seconds from SIGTERM to SIGKILL.
trap '' HUP INT TERM
groups=' '
while read -r sign group; do
    case "$sign$groups" in
    +*) groups="$groups$group " ;;
    -*" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
    esac
done
for group in $groups; do
    kill -TERM "-$group"
done 2>/dev/null
seconds=$1
while [ "${groups# }" ] && [ "$seconds" -gt 0 ]; do
    sleep 1
    seconds=$((seconds - 1))
    # The number of one that is gone can become another one's.
    left=' '
    for group in $groups; do
        kill -0 "-$group" && left="$left$group "
    done 2>/dev/null
    groups=$left
done
for group in $groups; do
    kill -KILL "-$group"
done 2>/dev/null
