# bash completion of tlsfront(8) and tlsfront-key(1). tests/install/completions holds it against --help.

# The pairs that the key manager has; nothing for who may not look.
_tlsfront_names() {
    tlsfront key list 2>/dev/null | sed -n '2,$s/ .*//p'
}

_tlsfront_options() {
    local names='--route --host --type --subject' encrypt='--encrypt --passphrase-file'
    local judge='--host --ca --keep-root --force --commit --passphrase-file'
    case $1 in
    run | upgrade | drain) echo '-c --help' ;;
    import) echo '--help' ;;
    check) echo '-c --json --hash --help' ;;
    reload) echo '-c --timeout --help' ;;
    status) echo '-c --json --ready --watch --help' ;;
    'key new') echo "-c --json --help $names --replace $encrypt" ;;
    'key install') echo "-c --json --help $judge" ;;
    'key rollback') echo '-c --json --help --commit' ;;
    'key import') echo "-c --json --help $judge --key" ;;
    'key self-signed') echo "-c --json --help --same-key $names --days --replace --commit $encrypt" ;;
    'key renew') echo "-c --json --help --same-key $names --replace $encrypt" ;;
    'key list') echo '-c --json --help' ;;
    'key show') echo '-c --json --help --tlsa' ;;
    'key remove') echo '-c --json --help --request' ;;
    'key ticket-new') echo '-c --json --help --keep --replace' ;;
    esac
}

# The value of an option; false: it has none.
_tlsfront_value() {
    case $1 in
    -c | --config | --ca | --key | --keep | --passphrase-file) mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    --type) mapfile -t COMPREPLY < <(compgen -W 'ec-p256 ec-p384 rsa-2048 rsa-3072 rsa-4096' -- "$2") ;;
    --route | --host | --subject | --days | --timeout) ;;
    *) return 1 ;;
    esac
}

_tlsfront() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} first=2 words
    COMPREPLY=()
    if [ "$COMP_CWORD" -gt 2 ] && [ "$command" = key ]; then
        command="key ${COMP_WORDS[2]}" first=3
    fi
    if [ "$COMP_CWORD" = 1 ]; then
        words='run check reload upgrade drain status import key --version --help'
    elif [ "$command" = key ]; then
        words='new install import rollback list show self-signed renew remove ticket-new --help'
    elif _tlsfront_value "${COMP_WORDS[COMP_CWORD - 1]}" "$word"; then
        return
    elif [[ $word == -* ]]; then
        words=$(_tlsfront_options "$command")
    elif [ "$command" = import ] && [ "$COMP_CWORD" = 2 ]; then
        words='stunnel hitch nginx haproxy'
    elif [ "$command" = drain ] && [ "$COMP_CWORD" = 2 ]; then
        words='on off'
    elif [ "$COMP_CWORD" = "$first" ] && [[ $command == key\ [!lt]* ]]; then
        words=$(_tlsfront_names)
    elif [[ $command =~ ^(import|key\ (install|import|ticket-new))$ ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    else
        words=$(_tlsfront_options "$command")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o filenames -o nosort -F _tlsfront tlsfront
