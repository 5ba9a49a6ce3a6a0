"""Commands for the ledger: check it, carry it away, and sign what is decided."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, say, show, workspace


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "arena-verify",
        section="Arena",
        examples="arena-verify\narena-verify --recent\narena-verify --export ledger.zip --head '812 9f86d08...' \\\n"
        "--key ana=5d41...",
    )
    @click.option("--recent", is_flag=True, help="Only what came after the last check that found nothing.")
    @click.option("--export", type=click.Path(path_type=Path), help="Check an export instead; no store is opened.")
    @click.option("--head", default="", help="With --export: a head that was written down elsewhere, 'SEQ HASH'.")
    @click.option("--key", multiple=True, metavar="NAME=HEX", help="A public key that its person handed to you.")
    def arena_verify(recent: bool, export: Path | None, head: str, key: tuple[str, ...]) -> None:
        """Check the hash chain of events, its external head, the signatures and the pointer log; it changes nothing."""
        from ds_workflow.use_cases.arena import ledger

        if export is None and head:
            raise click.UsageError("--head goes with --export; the ledger's own heads are kept by MLflow.")
        if export is None:
            result = ledger.verify(workspace(), recent=recent, keys=key)
        else:
            result = ledger.verify_export(export, head, keys=key, say=say)
        show(result.to_dict(), result.text)
        finish(result.ok)

    @command(main, "arena-export", section="Arena", examples="arena-export --out ledger.zip")
    @click.option("--out", required=True, type=click.Path(path_type=Path), help="The zip file to write.")
    def arena_export(out: Path) -> None:
        """Write every event and decision to a zip, with a program that checks it anywhere."""
        from ds_workflow.use_cases.arena import ledger

        found = ledger.export(workspace(), out)
        show(found.to_dict(), found.text)
        finish(not found.lacks)

    @command(
        main,
        "key-add",
        section="People",
        examples="key-add ana --by ben --out ~/.ds-workflow/ana.pem\n"
        "export DS_WORKFLOW_SIGNING_KEY=~/.ds-workflow/ana.pem",
    )
    @click.argument("name")
    @click.option("--out", type=click.Path(path_type=Path), help="Where to write a new private key.")
    @click.option("--key", type=click.Path(path_type=Path), help="A private key (Ed25519, PEM) that is there already.")
    @click.option("--by", default="", help="Who stands for a first key, once people are declared: another approver.")
    def key_add(name: str, out: Path | None, key: Path | None, by: str) -> None:
        """Let what a person decides be signed with their key from now on."""
        from ds_workflow.use_cases.arena import ledger

        if (out is None) == (key is None):
            raise click.UsageError("Give either --out, for a new key, or --key.")
        found = ledger.add_key(workspace(), name, out=out, key=key, by=by)
        show(found.to_dict(), found.text)

    @command(main, "key-revoke", section="People", examples='key-revoke ana --by ben --reason "Her laptop was stolen"')
    @click.argument("name")
    @click.option("--by", required=True, help="Who revokes it: its owner, by the key itself, or another approver.")
    @click.option("--reason", required=True, help="Why, in a sentence.")
    def key_revoke(name: str, by: str, reason: str) -> None:
        """End a person's key; what it signed stays signed."""
        from ds_workflow.use_cases.arena import ledger

        found = ledger.revoke_key(workspace(), name, by=by, reason=reason)
        show(found.to_dict(), found.text)

    @command(main, "key-list", section="People", examples="key-list")
    def key_list() -> None:
        """Show who signs, and which keys were revoked."""
        from ds_workflow.use_cases.arena import ledger

        found = ledger.keys(workspace())
        show(found.to_dict(), found.text)
