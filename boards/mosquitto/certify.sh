#!/bin/sh
# Certificates for the broker and its clients, by an authority of its own, in the folder where it is run:
#
#   certify.sh authority              ca.pem and ca.key, once; ca.key never leaves the machine
#   certify.sh broker HOST            broker.pem and broker.key for this name or address
#   certify.sh client NAME            NAME.pem and NAME.key: the site's name, or amos.ledger, amos.operator and so on
#   certify.sh revoke NAME            writes revoked.pem, which the broker reads when it is reloaded
#
# A certificate that is made again takes the place of the one before, which stays good until it is revoked or ends.
set -eu
umask 077
days=${AMOS_CERTIFICATE_DAYS:-825}

fail() {
    echo "certify.sh: $1" >&2
    exit 2
}

conf() {
    cat >certify.cnf <<END
[ca]
default_ca = amos
[amos]
dir = .
database = issued.txt
new_certs_dir = .
serial = serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 3650
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[broker]
basicConstraints = CA:false
extendedKeyUsage = serverAuth
subjectAltName = ${1:-DNS:none}
[client]
basicConstraints = CA:false
extendedKeyUsage = clientAuth
END
}

issue() { # kind, file, common name
    openssl ecparam -name prime256v1 -genkey -noout -out "$2.key"
    openssl req -new -config certify.cnf -key "$2.key" -subj "/CN=$3" -out "$2.csr"
    openssl ca -batch -notext -config certify.cnf -extensions "$1" -days "$days" -in "$2.csr" -out "$2.pem" 2>certify.log ||
        fail "$(cat certify.log)"
    rm -f "$2.csr" certify.log
    chmod 644 "$2.pem"
    echo "$2.pem and $2.key"
}

revoked() {
    openssl ca -config certify.cnf -gencrl -out revoked.pem 2>certify.log || fail "$(cat certify.log)"
    rm -f certify.log
    chmod 644 revoked.pem
}

name=${2:-}
case ${1:-} in
authority)
    [ ! -e ca.key ] || fail "ca.key is there already"
    conf
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key
    openssl req -new -x509 -config certify.cnf -extensions authority -key ca.key -subj "/CN=amos broker's authority" -days 7300 -out ca.pem
    : >issued.txt
    openssl rand -hex 16 >serial
    revoked
    chmod 644 ca.pem
    echo "ca.pem and ca.key"
    ;;
broker)
    [ -e ca.key ] || fail "expected ca.key here; certify.sh authority makes it"
    case $name in
    '' | *[!A-Za-z0-9.:-]*) fail "expected the broker's name or address" ;;
    *[!0-9.]*:* | *:*) conf "IP:$name" ;;
    *[!0-9.]*) conf "DNS:$name" ;;
    *) conf "IP:$name" ;;
    esac
    issue broker broker "$name"
    ;;
client)
    [ -e ca.key ] || fail "expected ca.key here; certify.sh authority makes it"
    case $name in
    '' | ca | broker | revoked | *[!a-z0-9_.-]* | .* | *..*) fail "expected a site's name (a-z, digits, - and _), or amos.ROLE" ;;
    amos.ledger | amos.worker | amos.operator | amos.publisher | amos.reader | amos.home) ;;
    *.*) fail "expected a site's name without dots, or amos.ledger, .worker, .operator, .publisher, .reader, .home" ;;
    esac
    conf
    issue client "$name" "$name"
    ;;
revoke)
    [ -e "$name.pem" ] || fail "expected $name.pem here"
    conf
    openssl ca -config certify.cnf -revoke "$name.pem" 2>certify.log || fail "$(cat certify.log)"
    revoked
    echo "revoked.pem; copy it to the broker, and reload mosquitto"
    ;;
*) fail "expected authority, broker HOST, client NAME or revoke NAME" ;;
esac
