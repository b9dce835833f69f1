# fish completion of tlsfront(8) and tlsfront-key(1). tests/install/completions holds it against --help.

# Is the command so far one of these? "none", "run", "key" (which of its commands is not said yet), "key-new".
function __tlsfront_is
    set -l words (commandline -opc) none
    set -l command $words[2]
    if test "$command" = key; and test (count $words) -gt 3
        set command key-$words[3]
    end
    contains -- $command $argv
end

# The pairs that the key manager has; nothing for who may not look.
function __tlsfront_names
    tlsfront key list 2>/dev/null | sed -n '2,$s/ .*//p'
end

function __tlsfront_add
    complete -c tlsfront -f $argv
end

set -l keys key-new key-install key-import key-rollback key-list key-show key-self-signed key-renew key-remove key-ticket-new
set -l makers key-new key-self-signed key-renew
set -l takers key-install key-import

__tlsfront_add
__tlsfront_add -n '__tlsfront_is none' -a run -d 'run the daemon in the foreground'
__tlsfront_add -n '__tlsfront_is none' -a check -d 'look at everything that a reload would look at'
__tlsfront_add -n '__tlsfront_is none' -a reload -d 'have the running daemon read its configuration again'
__tlsfront_add -n '__tlsfront_is none' -a upgrade -d 'have the daemon go on as the binary now on disk'
__tlsfront_add -n '__tlsfront_is none' -a drain -d 'have balancers look elsewhere, or take that back'
__tlsfront_add -n '__tlsfront_is none' -a status -d 'print the running daemon\'s routes, certificates and workers'
__tlsfront_add -n '__tlsfront_is none' -a import -d 'print the configuration of another TLS front as one of tlsfront'
__tlsfront_add -n '__tlsfront_is none' -a key -d 'keys, requests and certificates'
__tlsfront_add -n '__tlsfront_is none' -l version -d 'print the versions'
__tlsfront_add -l help -d 'print help'

__tlsfront_add -n '__tlsfront_is drain' -a 'on off'

__tlsfront_add -n '__tlsfront_is key' -a new -d 'make a private key and a request for a certificate'
__tlsfront_add -n '__tlsfront_is key' -a install -d 'put the authority\'s answer in place'
__tlsfront_add -n '__tlsfront_is key' -a import -d 'take in a key with its certificates'
__tlsfront_add -n '__tlsfront_is key' -a rollback -d 'exchange the pair with the one before it'
__tlsfront_add -n '__tlsfront_is key' -a list -d 'list all keys and certificates'
__tlsfront_add -n '__tlsfront_is key' -a show -d 'tell all about a certificate'
__tlsfront_add -n '__tlsfront_is key' -a self-signed -d 'make a certificate that vouches for itself, for trials'
__tlsfront_add -n '__tlsfront_is key' -a renew -d 'make a request with the names of the certificate in use'
__tlsfront_add -n '__tlsfront_is key' -a remove -d 'remove a pair'
__tlsfront_add -n '__tlsfront_is key' -a ticket-new -d 'make a file for ticket-key'

complete -c tlsfront -n "__tlsfront_is run check reload upgrade drain status $keys" -s c -rF -d 'the configuration'
__tlsfront_add -n "__tlsfront_is check status $keys" -l json -d 'print JSON'
__tlsfront_add -n '__tlsfront_is check' -l hash -d 'print hashes for comparing machines'
__tlsfront_add -n '__tlsfront_is status' -l ready -d 'tell by the exit status whether newcomers are wanted'
__tlsfront_add -n '__tlsfront_is status' -l watch -d 'print it again and again'
__tlsfront_add -n '__tlsfront_is reload' -l timeout -x -d 'how long to wait'

__tlsfront_add -n "__tlsfront_is $makers" -l route -x -d 'take the names of this route'
__tlsfront_add -n "__tlsfront_is $makers $takers" -l host -x -a '(__fish_print_hostnames)' -d 'a name to be covered'
__tlsfront_add -n "__tlsfront_is $makers" -l type -x -a 'ec-p256 ec-p384 rsa-2048 rsa-3072 rsa-4096' -d 'kind of key'
__tlsfront_add -n "__tlsfront_is $makers" -l subject -x -d 'the subject, as in "CN=mail.example.org, O=Example"'
__tlsfront_add -n "__tlsfront_is $makers key-ticket-new" -l replace -d 'also over one that is there'
__tlsfront_add -n "__tlsfront_is $makers" -l encrypt -d 'store the key under a passphrase'
complete -c tlsfront -n "__tlsfront_is $makers $takers" -l passphrase-file -rF -d 'the passphrase is its first line'
complete -c tlsfront -n "__tlsfront_is $takers" -l ca -rF -d 'roots that clients trust'
__tlsfront_add -n "__tlsfront_is $takers" -l keep-root -d 'send the root, too'
__tlsfront_add -n "__tlsfront_is $takers" -l force -d 'in spite of a missing issuer, or names that are not covered'
__tlsfront_add -n "__tlsfront_is $takers key-self-signed key-rollback" -l commit -d 'then reload the daemon'
complete -c tlsfront -n '__tlsfront_is key-import' -l key -rF -d 'the private key'
__tlsfront_add -n '__tlsfront_is key-self-signed' -l days -x -d 'how long it is valid'
__tlsfront_add -n '__tlsfront_is key-renew key-self-signed' -l same-key -d 'keep the key'
__tlsfront_add -n '__tlsfront_is key-show' -l tlsa -d 'the TLSA records instead'
__tlsfront_add -n '__tlsfront_is key-remove' -l request -d 'only the request that waits'
complete -c tlsfront -n '__tlsfront_is key-ticket-new' -l keep -rF -d 'copy the old file there first'

__tlsfront_add -n '__tlsfront_is key-new key-install key-import key-rollback key-show key-self-signed key-renew key-remove' -a '(__tlsfront_names)'
complete -c tlsfront -n "__tlsfront_is $takers key-ticket-new" -F
complete -c tlsfront -n '__tlsfront_is import' -F -a 'stunnel hitch nginx haproxy'
functions -e __tlsfront_add
