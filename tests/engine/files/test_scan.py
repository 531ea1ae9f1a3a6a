import contextlib
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from semls.engine.files import classify
from semls.engine.files import scan as files
from semls.engine.files.ignore import IGNORED_BY_DEFAULT
from semls.engine.files.scan import Found, Skipped, read_file, scan
from semls.engine.files.sensitive import MAY_HOLD_SECRETS
from semls.errors import UsageError
from semls.limits import MAX_FILE_BYTES
from tests.support.trees import Tree, found, git, git_sees, plant, random_tree, repository, skipped

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX names and files")


pytestmark = pytest.mark.usefixtures("alone")


def reason(root: Path, path: str) -> str | None:
    content = read_file(root, path)
    return content.reason if isinstance(content, Skipped) else None


# -- The walk


def test_scan_is_lazy_sorted_and_tells_size_and_time(tmp_path: Path) -> None:
    plant(tmp_path, {"b/c.py": "12", "b.py": "", "b-a/x": "1", "a": "123"})
    os.utime(tmp_path / "a", ns=(5, 7_000_000_000))
    items = scan(tmp_path)
    assert next(items) == Found("a", 3, 7_000_000_000)
    rest = [item.path for item in items]
    assert rest == ["b-a/x", "b.py", "b/c.py"]
    assert [item.path for item in scan(tmp_path)] == ["a", *rest]


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_root_that_is_no_folder_is_an_error_at_once(tmp_path: Path, name: str) -> None:
    plant(tmp_path, {"file": ""})
    with pytest.raises(UsageError, match=r"There is no folder .*: "):
        scan(tmp_path / name)


def test_a_root_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plant(tmp_path, {".gitignore": "/a/b", "a/b": "", "a/c": ""}))
    assert found(Path("a")) == {"b", "c"}
    assert found(Path()) == {".gitignore", "a/c"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs paths of some thousand bytes")
def test_trees_deeper_than_recursion(tmp_path: Path) -> None:
    folders = [tmp_path / ("d/" * depth) for depth in range(1, 1500)]
    for folder in folders:
        folder.mkdir()
    assert list(scan(tmp_path)) == []
    plant(folders[-1], {"file": ""})
    assert found(tmp_path) == {"d/" * 1499 + "file"}
    # pytest's own tidying up would not get down there.
    (folders[-1] / "file").unlink()
    for folder in reversed(folders):
        folder.rmdir()


def test_folders_that_vanish_meanwhile(tmp_path: Path) -> None:
    items = scan(plant(tmp_path, {"a": "", "b/c": "", "d": ""}))
    assert next(items).path == "a"
    (tmp_path / "b/c").unlink()
    (tmp_path / "b").rmdir()
    assert [item.path for item in items] == ["b/", "d"]


def test_files_that_vanish_meanwhile(tmp_path: Path) -> None:
    items = scan(plant(tmp_path, {"a": "", "b": "", "c": ""}))
    assert next(items).path == "a"
    (tmp_path / "b").unlink()
    assert [type(item) for item in items] == [Skipped, Found]
    assert reason(tmp_path, "b") == "unreadable: No such file or directory"


@posix_only
def test_names_of_all_kinds(tmp_path: Path) -> None:
    names = {"with space", "new\nline", "naïve", "🦀.rs", "e\u0301", "back\\slash", "-", " "}
    assert found(plant(tmp_path, dict.fromkeys(names, ""))) == names
    assert all(read_file(tmp_path, name) == b"" for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not text")
def test_names_that_are_not_text(tmp_path: Path) -> None:
    plant(tmp_path, {os.fsdecode(b"caf\xe9"): "", os.fsdecode(b"d\xff/x"): ""})
    assert list(scan(tmp_path)) == [
        Skipped("caf\\xe9", classify.NOT_UTF8),
        Skipped("d\\xff/", classify.NOT_UTF8),
    ]


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Permissions count, even where the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix_only
def test_what_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = plant(Path(name), {"secret": "x", "vault/x": "", "open": "", ".gitignore": "open"})
        root.chmod(0o755)
        for path in ("secret", "vault", ".gitignore"):
            (root / path).chmod(0)
        with unprivileged():
            assert skipped(root) == {"vault/": "unreadable: Permission denied"}
            assert found(root) == {".gitignore", "open", "secret"}
            assert read_file(root, "secret") == Skipped("secret", "unreadable: Permission denied")
        (root / "vault").chmod(0o700)


# -- Ignore rules, against git itself

LAYOUTS: list[Tree] = [
    {".gitignore": "*.log\n!keep.log", "a.log": "", "keep.log": "", "d/a.log": "", "d/keep.log": ""},
    {".gitignore": "!keep.log\n*.log", "keep.log": ""},
    {
        ".gitignore": "*.log",
        "d/.gitignore": "!*.log",
        "d/e/.gitignore": "x.log",
        "d/a.log": "",
        "d/e/x.log": "",
    },
    {".gitignore": "d/\n!d/keep", "d/keep": ""},
    {".gitignore": "d/*\n!d/keep", "d/keep": "", "d/x": ""},
    {".gitignore": "d/**\n!d/keep", "d/keep": "", "d/e/keep": ""},
    {".gitignore": "/d/*\n!/d/e/\n/d/e/*\n!/d/e/keep", "d/x": "", "d/e/x": "", "d/e/keep": ""},
    {".gitignore": "d/", "d/.gitignore": "!x", "d/x": ""},
    {".gitignore": "*\n!*/\n!*.py", "a.py": "", "d/a.py": "", "d/a.js": ""},
    {".gitignore": "*\n!.gitignore\n!d", "d/x": "", "x": ""},
    {".gitignore": "/a\nb/c", "a": "", "d/a": "", "b/c": "", "d/b/c": ""},
    {"d/.gitignore": "/a\nb/c", "a": "", "d/a": "", "d/b/c": "", "d/e/b/c": ""},
    {".gitignore": "a/", "a/x": "", "b/a": "", "c/a/x": ""},
    {".gitignore": "**/a\nb/**/c\nd/**", "a": "", "x/a": "", "b/c": "", "b/x/y/c": "", "d/e/f": "", "bc": ""},
    {
        ".gitignore": "a**b\nc**/d\n/e**\n***/f/***",
        "axb": "",
        "a/b": "",
        "c/d": "",
        "cx/y/d": "",
        "ex/y": "",
        "g/f/h": "",
    },
    {".gitignore": "**/", "a": "", "d/a": ""},
    {
        ".gitignore": "a \nb\\ \nc\\  \n d\ne\t",
        "a": "",
        "b ": "",
        "b": "",
        "c ": "",
        "d": "",
        " d": "",
        "e": "",
    },
    {".gitignore": "#a\n\\#b\n\\!c\n!d\n\n/\n!\n//", "#a": "", "#b": "", "!c": "", "d": ""},
    {
        ".gitignore": "[ab]x\n[!c]y\n[^d]z\n[e-g]w",
        "ax": "",
        "cx": "",
        "cy": "",
        "dy": "",
        "dz": "",
        "ez": "",
        "fw": "",
    },
    {".gitignore": "d/[!x]/a\nd[!x]e", "d/y/a": "", "d/x/a": "", "d/e": "", "dye": ""},
    {
        ".gitignore": "[[:digit:]]\n[[:upper:][:space:]]x\n[[:no:]]",
        "1": "",
        "a": "",
        "Ax": "",
        " x": "",
        "n": "",
    },
    {
        ".gitignore": "[]-]a\n[a\\]b]b\n[z-a]\n[--0]c\n[!]d]e",
        "]a": "",
        "-a": "",
        "]b": "",
        "z": "",
        "a": "",
        ".c": "",
        "xe": "",
    },
    {".gitignore": "[\n[a\n\\\nb\\", "[": "", "[a": "", "a": "", "b": "", "b\\": ""},
    {".gitignore": "a?c\n\\*d\n\\?e\n\\f", "abc": "", "a/c": "", "*d": "", "xd": "", "?e": "", "f": ""},
    {".gitignore": "\ufeffa\nb\r\nc", "a": "", "b": "", "c": ""},
    {".gitignore": "foo/bar/\n*.d/", "foo/bar/x": "", "foo/bar.d/x": "", "x.d": ""},
    {".gitignore": "ä*\n[é]", "ärger": "", "é": "", "e": ""},
    {".gitignore": "d", ".git/info/exclude": "*.tmp\n!d", "a.tmp": "", "d": ""},
    {
        ".gitignore": "!b.tmp",
        ".git/info/exclude": "*.tmp\n/x/y",
        "a.tmp": "",
        "b.tmp": "",
        "x/y": "",
        "z/x/y": "",
    },
]


@posix_only
@pytest.mark.parametrize("tree", LAYOUTS, ids=lambda tree: repr(tree.get(".gitignore", "")))
def test_ignores_what_git_ignores(tmp_path: Path, tree: Tree) -> None:
    repository(tmp_path, tree)
    assert found(tmp_path) == git_sees(tmp_path)


@posix_only
@pytest.mark.parametrize("seed", range(6))
def test_ignores_what_git_ignores_at_random(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(50):
        root = tmp_path / str(number)
        tree = random_tree(chance)
        repository(root, tree)
        assert found(root) == git_sees(root), tree


@posix_only
def test_the_global_ignore_file_is_anchored_at_the_repository(tmp_path: Path, alone: Path) -> None:
    plant(alone, {"config/git/ignore": "*.swp\n/sub/x"})
    repository(
        tmp_path, {"a.swp": "", "sub/x": "", "sub/sub/x": "", "sub/.gitignore": "!b.swp", "sub/b.swp": ""}
    )
    assert found(tmp_path) == git_sees(tmp_path) == {"sub/.gitignore", "sub/b.swp", "sub/sub/x"}
    assert skipped(tmp_path)["a.swp"] == "ignored by git's global ignore file"
    assert found(tmp_path / "sub") == git_sees(tmp_path / "sub")


def test_the_global_ignore_file_in_its_other_place(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    plant(alone, {".config/git/ignore": "a"})
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", str(alone)))
    assert found(plant(tmp_path, {"a": "", "b": ""})) == {"b"}


def test_a_folder_of_a_repository_obeys_the_rules_above(tmp_path: Path) -> None:
    tree = {".gitignore": "*.log\n/sub/x\nd/", "sub/.gitignore": "!b.log", ".git/info/exclude": "*.tmp"}
    paths = ["a.log", "b.log", "x", "a.tmp", "e/x", "e/d/y", "keep"]
    repository(tmp_path, tree | {f"sub/{path}": "" for path in paths})
    assert found(tmp_path / "sub") == git_sees(tmp_path / "sub") == {".gitignore", "b.log", "e/x", "keep"}
    assert skipped(tmp_path / "sub") == {
        "a.log": "ignored by ../.gitignore",
        "a.tmp": "ignored by ../.git/info/exclude",
        "e/d/": "ignored by ../.gitignore",
        "x": "ignored by ../.gitignore",
    }
    assert found(tmp_path / "sub/e") == {"x"}


def test_an_ignored_folder_that_is_opened_is_wanted(tmp_path: Path) -> None:
    repository(
        tmp_path, {".gitignore": "*", "work/here/a": "", "work/here/.gitignore": "b", "work/here/b": ""}
    )
    assert found(tmp_path / "work/here") == {".gitignore", "a"}


def test_a_repository_inside_knows_nothing_of_the_rules_outside(tmp_path: Path) -> None:
    repository(tmp_path, {".gitignore": "*.log\nlost/", ".semlsignore": "*.txt", "a.log": ""})
    repository(tmp_path / "inner", {"a.log": "", "b": "", "c.txt": "", ".git/info/exclude": "b"})
    repository(tmp_path / "lost", {"a": ""})
    assert found(tmp_path / "inner") == {"a.log", "c.txt"}
    assert found(tmp_path) == {".gitignore", ".semlsignore", "inner/a.log"}
    assert skipped(tmp_path)["inner/b"] == "ignored by inner/.git/info/exclude"


def test_git_may_be_a_file(tmp_path: Path) -> None:
    main = repository(tmp_path / "main", {"a": "", ".gitignore": "*.log", ".git/info/exclude": "*.tmp"})
    identity = ("-c", "user.name=x", "-c", "user.email=x")
    git(main, "add", ".")
    git(main, *identity, "commit", "--quiet", "-m", "x")
    git(main, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = plant(tmp_path / "tree", {"a.log": "", "a.tmp": "", "b": ""})
    assert (tree / ".git").is_file()
    assert found(tree) == git_sees(tree) == {".gitignore", "a", "b"}
    assert skipped(tree)[".git"] == IGNORED_BY_DEFAULT


def test_a_broken_git_file_is_no_matter(tmp_path: Path) -> None:
    assert found(plant(tmp_path, {".git": "gitdir: \0nowhere", "a": ""})) == {"a"}


def test_rules_without_a_repository(tmp_path: Path) -> None:
    plant(tmp_path, {".gitignore": "*.log", "a.log": "", "d/.gitignore": "!a.log", "d/a.log": ""})
    assert found(tmp_path) == {".gitignore", "d/.gitignore", "d/a.log"}


def test_semlsignore_is_stronger_than_gitignore(tmp_path: Path) -> None:
    tree = {".gitignore": "gen/\n*.log", "gen/a": "", "a.log": "", "sub/b.log": "", "sub/c.sql": ""}
    rules = {".semlsignore": "!gen/\n*.sql", "sub/.semlsignore": "!c.sql\n!*.log", "sub/.gitignore": "*.sql"}
    plant(tmp_path, tree | rules | {"d.sql": ""})
    assert found(tmp_path) == {"gen/a", "sub/b.log", "sub/c.sql", *rules, ".gitignore"}
    assert skipped(tmp_path) == {"a.log": "ignored by .gitignore", "d.sql": "ignored by .semlsignore"}


def test_semlsignore_above_the_workspace_holds_in_a_repository(tmp_path: Path) -> None:
    repository(tmp_path, {".semlsignore": "*.sql", "sub/a.sql": "", "sub/b": ""})
    assert found(tmp_path / "sub") == {"b"}


def test_left_out_by_default(tmp_path: Path) -> None:
    paths = ["node_modules/a.js", "d/__pycache__/a.py", "env/pyvenv.cfg", ".hg/a", ".git/config"]
    plant(tmp_path, dict.fromkeys([*paths, "venv/a.py", "node_modules.js"], ""))
    assert found(tmp_path) == {"venv/a.py", "node_modules.js"}
    assert skipped(tmp_path) == dict.fromkeys(
        [".git/", ".hg/", "d/__pycache__/", "env/", "node_modules/"], IGNORED_BY_DEFAULT
    )


@pytest.mark.parametrize("name", [".gitignore", ".semlsignore"])
def test_what_is_left_out_by_default_can_be_taken_back(tmp_path: Path, name: str) -> None:
    rules = {name: "!node_modules/\n!/env\n!.git\n!.hg/"}
    plant(tmp_path, rules | {"node_modules/a": "", "env/pyvenv.cfg": "", ".git/a": "", ".hg/a": ""})
    assert found(tmp_path) == {name, "node_modules/a", "env/pyvenv.cfg"}


def test_a_workspace_that_is_a_virtual_environment(tmp_path: Path) -> None:
    assert found(plant(tmp_path, {"pyvenv.cfg": ""})) == {"pyvenv.cfg"}


@posix_only
def test_ignore_files_that_are_none(tmp_path: Path) -> None:
    plant(tmp_path, {"rules": "a", "a": "", "d/a": ""})
    (tmp_path / ".gitignore").symlink_to("rules")
    os.mkfifo(tmp_path / ".semlsignore")
    (tmp_path / "d/.gitignore").mkdir()
    assert found(tmp_path) == {"a", "d/a", "rules"}


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 20 + "b",
        "**/a/" * 20 + "b",
        "**/*a*a*a/" * 8 + "b",
        "**/*a*a*a/**/" * 300 + "b",
        "[" + "[:" * 30_000 + "y]",
        "[" + "[:" * 30_000,
    ],
    ids=lambda pattern: pattern[:20],
)
def test_scan_with_hostile_pattern_takes_no_time(tmp_path: Path, pattern: str) -> None:
    plant(
        tmp_path, {".gitignore": pattern, "a" * 200: "", "a/" * 80 + "x": "", "aaaaaaaaaaaa/" * 40 + "x": ""}
    )
    began = time.monotonic()
    assert len(found(tmp_path)) == 4
    assert time.monotonic() - began < 5


def test_many_rules(tmp_path: Path) -> None:
    lines = [f"{'!' * (number % 2)}{number}.x" for number in range(5000)]
    plant(tmp_path, {".gitignore": "\n".join(["*.x", *lines]), "17.x": "", "18.x": "", "x": ""})
    assert found(tmp_path) == {".gitignore", "17.x", "x"}


def test_an_ignore_file_too_large_counts_as_far_as_its_last_whole_line(tmp_path: Path) -> None:
    rules = "a\n" + "#" * 65000 + "\nb\n" + "c" * 1000
    plant(tmp_path, {".gitignore": rules, "a": "", "b": "", "c" * 200: ""})
    assert found(tmp_path) == {".gitignore", "c" * 200}


# -- Secrets

SECRET = """
.env .env.local .ENV.Production .env-prod .env.php .envrc .env~ web.env .env.bak d/.env .npmrc .NPMRC
.pypirc .netrc _netrc .pgpass .htpasswd .git-credentials .dockercfg .docker/config.json .kube/config
kubeconfig dev.kubeconfig .aws/credentials credentials.json credentials-prod.json gcp-credentials.json
credentials.yml client_secret_1.json service-account.json serviceAccountKey.json
my-app-firebase-adminsdk-x.json secrets.yml secrets.yaml .secrets.toml id_rsa id_ed25519 ID_RSA id_rsa.old
id_ecdsa_sk github_rsa deploy_ed25519 ssh_host_rsa_key a.pem A.PEM a.key a.key.bak a.p12 a.pfx a.p8 a.ppk
a.jks release.keystore a.kdbx a.ovpn terraform.tfstate terraform.tfstate.backup terraform.tfstate.1.backup
prod.tfvars prod.auto.tfvars.json .vault-token .bash_history local.settings.json .dev.vars .env2
kubeconfig.yaml kubeconfig-prod kube_config.dev.yml secrets.dev.yaml prod-secrets.json secrets_staging.yml
""".split()
PLAIN = """
.env.example .env.sample .env.template .env.dist .env.local.example example.env .env.ts .env.d.ts .env.js
env.py env.local keys.py credentials.py credentials_test.go useCredentials.ts secrets.py secret.rs
service_account.go id_rsa.pub id_ed25519.pub key.pub server.crt server.cer server.csr
credentials.example.json secrets.yml.sample .npmrc.example terraform.tfvars.example .secrets.baseline
secrets.enc.yaml chart/templates/secret.yaml key keys monkey.js environment.yml rsa.c lib_rsa/a.c
credentials/a.py secrets/a.py .key-test.go tokens.json main.tf activity_credentials.xml credentials.md
.envoy/a.yaml history.md create-kubeconfig.sh kubeconfig.tf kubeconfig.example sealed-secrets.yaml
rotate-secrets.yml secrets.dev.yaml.example
""".split()
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbg==\n-----END OPENSSH PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("path", SECRET)
def test_scan_with_secret_name_skips_file(tmp_path: Path, path: str) -> None:
    plant(tmp_path, {path: "password=hunter2"})
    assert (found(tmp_path), skipped(tmp_path)) == (set(), {path: MAY_HOLD_SECRETS})


def test_scan_with_ordinary_names_keeps_files(tmp_path: Path) -> None:
    assert found(plant(tmp_path, dict.fromkeys(PLAIN, "x"))) == set(PLAIN)


@pytest.mark.parametrize("folder", [".ssh", ".gnupg", ".envs"])
def test_scan_with_secret_folder_skips_all_in_it(tmp_path: Path, folder: str) -> None:
    plant(tmp_path, {f"{folder}/config": "", "a.py": ""})
    assert (found(tmp_path), skipped(tmp_path)) == ({"a.py"}, {f"{folder}/": MAY_HOLD_SECRETS})


def test_scan_with_semlsignore_takes_secrets_back(tmp_path: Path) -> None:
    rules = {".semlsignore": "!*.pem\n!.env", "d/.semlsignore": "!a.key"}
    plant(tmp_path, rules | {"a.pem": KEY, ".env": "A=1", "a.key": "", "d/a.key": KEY})
    assert found(tmp_path) == {*rules, "a.pem", ".env", "d/a.key"}
    assert read_file(tmp_path, "a.pem") == read_file(tmp_path, "d/a.key") == KEY.encode()


def test_scan_with_gitignore_takes_no_secrets_back(tmp_path: Path) -> None:
    plant(tmp_path, {".gitignore": "!.env\n!*.pem", ".env": "A=1", "a.pem": ""})
    assert found(tmp_path) == {".gitignore"}


@pytest.mark.parametrize(
    "content",
    [
        KEY,
        "\ufeff\n " + KEY.replace("OPENSSH ", ""),
        KEY.replace("OPENSSH", "RSA").replace("\n", "\r\n"),
        "-----BEGIN EC PARAMETERS-----\nBg==\n-----END EC PARAMETERS-----\n" + KEY.replace("OPENSSH", "EC"),
        CERTIFICATE + KEY,
        "Bag Attributes\n    friendlyName: x\nKey Attributes: <No Attributes>\n" + KEY,
        KEY.replace("OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/5\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
    ],
)
def test_read_with_private_key_skips_file(tmp_path: Path, content: str) -> None:
    plant(tmp_path, {"deploy": content, "code.py": f"KEY = '{content}'"})
    assert reason(tmp_path, "deploy") == MAY_HOLD_SECRETS
    assert reason(tmp_path, "code.py") is None


def test_read_with_service_account_skips_file(tmp_path: Path) -> None:
    content = '{\n "type": "service_account",\n "private_key": "-----BEGIN PRIVATE KEY-----\\nMIIE"\n}\n'
    plant(tmp_path, {"my-project-1a2b.json": content, "a.py": content})
    assert [reason(tmp_path, name) for name in ("my-project-1a2b.json", "a.py")] == [MAY_HOLD_SECRETS, None]


def test_read_with_public_parts_keeps_file(tmp_path: Path) -> None:
    public = CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY")
    tree = {"a.crt": CERTIFICATE, "b.crt": CERTIFICATE * 2, "c": public, "d": f"# Keys\n\n{KEY}"}
    plant(tmp_path, tree)
    assert [reason(tmp_path, name) for name in tree] == [None] * 4


@posix_only
def test_read_with_semlsignore_keeps_private_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {"r/.semlsignore": "!fixture", "r/d/e/fixture": KEY, "r/d/e/other": KEY})
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path / "r", Path("r")):
        assert reason(root, "d/e/fixture") is None
        assert reason(root, "d/e/other") == MAY_HOLD_SECRETS


# -- Links and other things


@posix_only
def test_links_are_not_followed(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"file": "", "folder/x": ""})
    plant(tmp_path, {"out": ""})
    links = {"a": "file", "b": "folder", "c": "../out", "d": "nowhere", "e": "e", "f": "..", "folder/g": "."}
    for link, target in links.items():
        (root / link).symlink_to(target)
    reasons = {
        "a": classify.LINK_TO_FILE,
        "b": classify.LINK_TO_FOLDER,
        "c": classify.LINK_OUTSIDE,
        "d": classify.LINK_BROKEN,
        "e": classify.LINK_BROKEN,
        "f": classify.LINK_OUTSIDE,
        "folder/g": classify.LINK_TO_FOLDER,
    }
    assert skipped(root) == reasons
    assert {link: reason(root, link) for link in links} == reasons
    assert found(root) == {"file", "folder/x"}


@posix_only
def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    plant(tmp_path, {"root/a": "1", "root/d/b": ""})
    (tmp_path / "link").symlink_to("root")
    (tmp_path / "root/c").symlink_to("d/b")
    assert found(tmp_path / "link") == {"a", "d/b"}
    assert skipped(tmp_path / "link") == {"c": classify.LINK_TO_FILE}
    assert read_file(tmp_path / "link", "a") == b"1"


@posix_only
def test_a_folder_that_has_become_a_link(tmp_path: Path) -> None:
    root = plant(tmp_path, {"root/d/a": "in", "out/a": "out"}) / "root"
    (root / "d").rename(root / "old")
    (root / "d").symlink_to("../out")
    assert reason(root, "d/a") == classify.LINK_OUTSIDE


def test_paths_that_leave_the_workspace(tmp_path: Path) -> None:
    root = plant(tmp_path, {"root/d/a": "", "out": ""}) / "root"
    for path in ("../out", "d/../../out", "d/../d/a", str(tmp_path / "out")):
        assert reason(root, path) == classify.OUTSIDE
    assert reason(root, "d\0a") == classify.NOT_UTF8


@posix_only
def test_only_regular_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)  # a socket's whole path must be short
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("socket")
    assert skipped(tmp_path) == {"fifo": classify.NOT_REGULAR, "socket": classify.NOT_REGULAR}
    assert all(reason(tmp_path, name) == classify.NOT_REGULAR for name in ("fifo", "folder", "socket"))


# -- Content


def test_size(tmp_path: Path) -> None:
    half = MAX_FILE_BYTES // 2
    plant(tmp_path, {"at": "x" * half, "empty": "", "over": "x" * (half + 1)})
    assert [type(item) for item in scan(tmp_path, max_bytes=half)] == [Found, Found, Skipped]
    assert read_file(tmp_path, "at", half) == b"x" * half
    assert read_file(tmp_path, "over", half) == Skipped("over", "larger than 0.5 MiB")
    plant(tmp_path, {"big": "x" * (MAX_FILE_BYTES + 1)})
    assert skipped(tmp_path) == {"big": "larger than 1 MiB"} == {"big": reason(tmp_path, "big")}


BY_NAME = {
    "a.png": classify.BINARY,
    "A.PDF": classify.BINARY,
    "lib.so": classify.BINARY,
    ".DS_Store": classify.BINARY,
    "package-lock.json": classify.LOCK_FILE,
    "Cargo.lock": classify.LOCK_FILE,
    "go.sum": classify.LOCK_FILE,
    "app.min.js": classify.MINIFIED,
    "app.js.map": classify.GENERATED,
}


def test_ruled_out_by_name(tmp_path: Path) -> None:
    plant(tmp_path, dict.fromkeys([*BY_NAME, "png", "min.js", "locks.py", "a.lock", "admin.js"], "x"))
    assert skipped(tmp_path) == BY_NAME
    assert {path: reason(tmp_path, path) for path in BY_NAME} == BY_NAME


def test_binary(tmp_path: Path) -> None:
    plant(tmp_path, {"a": "text\0", "b": "x" * 8191 + "\0", "c": "x" * 8192 + "\0", "utf8": "äöü"})
    assert [reason(tmp_path, path) for path in ("a", "b", "c", "utf8")] == [
        classify.BINARY,
        classify.BINARY,
        None,
        None,
    ]


def test_minified(tmp_path: Path) -> None:
    long = "x();" * 1000
    short = "call();\n" * 1000
    tree = {"a.js": f"// licence\n{long}", "b.css": long, "c.js": short, "d.js": short + long, "e.py": long}
    plant(tmp_path, tree)
    assert [path for path in tree if reason(tmp_path, path)] == ["a.js", "b.css"]
    assert reason(tmp_path, "a.js") == classify.MINIFIED


MACHINES = [
    "// Code generated by protoc-gen-go. DO NOT EDIT.\n// source: a.proto\n\npackage a",
    "//go:build linux\n\n// Code generated by stringer; DO NOT EDIT.\npackage a",
    "# -*- coding: utf-8 -*-\n# Generated by the protocol buffer compiler.  DO NOT EDIT!\nimport x",
    "/**\n * Copyright.\n *\n * @generated SignedSource<<0>>\n */\ncode",
    "// @generated by protobuf-ts\nimport x",
    "# This file is automatically @generated by Cargo.\n[x]",
    "<!-- Generated by docgen. Do not edit. -->\n# Title",
    "<?xml version='1.0'?>\n<!--\n  AUTO-GENERATED FILE - DO NOT MODIFY\n-->\n<x/>",
    "//------\n// <auto-generated>\n//   by a tool\nnamespace X",
    "/*\n  This file was automatically generated by X.\n  Do not make changes.\n  Do not edit.\n*/\nint x;",
    "/**\n * Autogenerated by Thrift Compiler (0.9.3)\n *\n * DO NOT EDIT UNLESS YOU ARE SURE\n */\nclass X",
    "# !!!!!!!   DO NOT EDIT THIS FILE   !!!!!!!\n# This file is machine-generated by mktables\n1;",
    "-- GENERATED FILE DO NOT EDIT\nselect 1",
    "#!/bin/sh\r\n# DO NOT EDIT: generated from x.in\r\nx",
    "<?php\n# Generated by the protocol buffer compiler.  DO NOT EDIT!\n# source: x\n",
    "\ufeff; Generated by x, do not edit\r\n[x]",
    '# coding: utf-8\n\n"""\n    API\n    Generated by OpenAPI (x)\n\n    Do not edit the class.\n"""\nx',
    '"""\n@generated by mypy-protobuf.  Do not edit manually!\n"""\nimport x',
    "# This is a generated file!  Do not edit.\nx",
    "# Generated content DO NOT EDIT\nx",
    "// WARNING: THIS FILE IS AUTOGENERATED BY torchgen. DO NOT MODIFY BY HAND\nx",
]
PEOPLE = [
    "def f():\n    # Code generated by hand. DO NOT EDIT.\n    pass",
    '"""Finds `@generated` files, and those that say Code generated by x. DO NOT EDIT."""\n',
    "# Files marked @generated are left out.\nx = 1",
    "# Says whether a file was generated.\nDO_NOT_EDIT = 1",
    "# Generated by Django 4.2 on 2024-01-01\nfrom django import x",
    "# Do not edit generated files by hand: run make instead.\nx:",
    "# This tool looks for generated code, which says DO NOT EDIT in a comment.\n",
    "// DO NOT EDIT the order of these fields.\nstruct X",
    "# How to find generated code\n\nLook for @generated and DO NOT EDIT.\n",
    "MARKER = '@generated'\n# @generated\n",
    "\n" * 3000 + "# @generated",
    "",
]


@pytest.mark.parametrize("content", MACHINES)
def test_generated(tmp_path: Path, content: str) -> None:
    assert reason(plant(tmp_path, {"file": content}), "file") == classify.GENERATED


@pytest.mark.parametrize("content", PEOPLE)
def test_written_by_people(tmp_path: Path, content: str) -> None:
    assert read_file(plant(tmp_path, {"file": content}), "file") == content.encode()


@pytest.mark.parametrize("path", [files.__file__, __file__])
def test_files_about_generated_files_are_kept(path: str) -> None:
    assert read_file(Path(path).parent, Path(path).name) == Path(path).read_bytes()


@pytest.mark.parametrize(
    "content", ["/*" * 1024, "<!-- generated " * 200, "# generated. " * 200, "(*{-" * 600]
)
def test_hostile_headers_take_no_time(tmp_path: Path, content: str) -> None:
    assert isinstance(read_file(plant(tmp_path, {"file": content}), "file"), bytes)


def test_a_scan_can_be_left(tmp_path: Path) -> None:
    plant(tmp_path, {f"{number}/x": "" for number in range(9)})
    items = scan(tmp_path)
    assert [item.path for item in islice(items, 2)] == ["0/x", "1/x"]


# -- Places


def paths_at(root: Path, *places: str) -> list[str]:
    return [item.path for item in scan(root, places)]


def test_only_what_lies_at_and_below_a_place_is_scanned(tmp_path: Path) -> None:
    plant(tmp_path, {"a/b/c": "", "a/b/d": "", "a/bc": "", "a/e": "", "f": "", "g/h": ""})
    assert paths_at(tmp_path, "a/b") == ["a/b/c", "a/b/d"]
    assert paths_at(tmp_path, "a/b/d", "f") == ["a/b/d", "f"]
    assert paths_at(tmp_path, "a", "a/b/d") == ["a/b/c", "a/b/d", "a/bc", "a/e"]
    assert paths_at(tmp_path, "") == paths_at(tmp_path, "a", "f", "g")
    assert paths_at(tmp_path, "a/x", "x/y/z") == []
    assert paths_at(tmp_path, "f/y") == ["f"]  # which may have been a folder
    assert paths_at(tmp_path) == []


def test_a_place_is_judged_by_the_rules_on_the_way(tmp_path: Path) -> None:
    tree = {
        ".gitignore": "*.log\nout/\n",
        "a/.gitignore": "!b.log\n",
        "a/b.log": "",
        "a/c.log": "",
        "out/x/y": "",
    }
    repository(tmp_path, tree)
    assert list(scan(tmp_path, ["a/b.log", "a/c.log", "out/x/y"])) == [
        Found("a/b.log", 0, (tmp_path / "a/b.log").stat().st_mtime_ns),
        Skipped("a/c.log", "ignored by .gitignore"),
        Skipped("out/", "ignored by .gitignore"),
    ]


def test_all_places_together_are_the_whole(tmp_path: Path) -> None:
    chance = random.Random(3)
    names = ["e", "f", "c.py", ".gitignore", "pyvenv.cfg"]
    for _ in range(60):
        folder = tmp_path.joinpath(*chance.choices(["a", "b", "node_modules", "d"], k=chance.randrange(4)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / chance.choice(names)).write_text(chance.choice(["b/\n", "*.py\n", "!c.py\n"]))
    whole = list(scan(tmp_path))
    for item in whole:
        assert list(scan(tmp_path, [item.path.rstrip("/")])) == [item]
    assert list(scan(tmp_path, [item.path.rstrip("/") for item in whole])) == whole


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a/b.py", "a/b.py"),
        ("a/.gitignore", "a"),
        (".semlsignore", ""),
        ("a/pyvenv.cfg", "a"),
        (".git/HEAD", ""),
        (".git", ""),
        (".git/config", ""),
        (".git/info/exclude", ""),
        ("a/.git/HEAD", "a"),
        (".git/index", None),
        (".git/objects/12/34", None),
        ("a/.hg/store", None),
    ],
)
def test_what_a_change_concerns(path: str, place: str | None) -> None:
    assert files.path_to_rescan(path) == place
