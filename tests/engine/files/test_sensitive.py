"""Files that are skipped because they may hold secrets."""

import sys
from pathlib import Path

import pytest

from semls.engine.files.scan import read_file
from semls.engine.files.sensitive import MAY_HOLD_SECRETS
from tests.support.trees import (
    found,
    read_reason,
    skipped,
    write_tree,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX names and files")

pytestmark = pytest.mark.usefixtures("home")


SECRET_NAMES = """
.env .env.local .ENV.Production .env-prod .env.php .envrc .env~ web.env .env.bak d/.env .npmrc .NPMRC
.pypirc .netrc _netrc .pgpass .htpasswd .git-credentials .dockercfg .docker/config.json .kube/config
kubeconfig dev.kubeconfig .aws/credentials credentials.json credentials-prod.json gcp-credentials.json
credentials.yml client_secret_1.json service-account.json serviceAccountKey.json
my-app-firebase-adminsdk-x.json secrets.yml secrets.yaml .secrets.toml id_rsa id_ed25519 ID_RSA id_rsa.old
id_ecdsa_sk github_rsa deploy_ed25519 ssh_host_rsa_key a.pem A.PEM a.key a.key.bak a.p12 a.pfx a.p8 a.ppk
a.jks release.keystore a.kdbx a.ovpn terraform.tfstate terraform.tfstate.backup terraform.tfstate.1.backup
prod.tfvars prod.auto.tfvars.json .vault-token .claude.json .bash_history local.settings.json .dev.vars .env2
kubeconfig.yaml kubeconfig-prod kube_config.dev.yml secrets.dev.yaml prod-secrets.json secrets_staging.yml
""".split()
ORDINARY_NAMES = """
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


@pytest.mark.parametrize("path", SECRET_NAMES)
def test_scan_with_secret_name_skips_file(tmp_path: Path, path: str) -> None:
    write_tree(tmp_path, {path: "password=hunter2"})
    assert (found(tmp_path), skipped(tmp_path)) == (set(), {path: MAY_HOLD_SECRETS})


def test_scan_with_ordinary_names_keeps_files(tmp_path: Path) -> None:
    assert found(write_tree(tmp_path, dict.fromkeys(ORDINARY_NAMES, "x"))) == set(ORDINARY_NAMES)


@pytest.mark.parametrize("folder", [".ssh", ".gnupg", ".envs"])
def test_scan_with_secret_folder_skips_folder(tmp_path: Path, folder: str) -> None:
    write_tree(tmp_path, {f"{folder}/config": "", "a.py": ""})
    assert (found(tmp_path), skipped(tmp_path)) == ({"a.py"}, {f"{folder}/": MAY_HOLD_SECRETS})


def test_semlsignore_with_negated_secret_keeps_file(tmp_path: Path) -> None:
    rules = {".semlsignore": "!*.pem\n!.env", "d/.semlsignore": "!a.key"}
    write_tree(tmp_path, rules | {"a.pem": KEY, ".env": "A=1", "a.key": "", "d/a.key": KEY})
    assert found(tmp_path) == {*rules, "a.pem", ".env", "d/a.key"}
    assert read_file(tmp_path, "a.pem") == read_file(tmp_path, "d/a.key") == KEY.encode()


def test_gitignore_with_negated_secret_does_not_keep_file(tmp_path: Path) -> None:
    write_tree(tmp_path, {".gitignore": "!.env\n!*.pem", ".env": "A=1", "a.pem": ""})
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
def test_read_file_with_private_key_skips_file(tmp_path: Path, content: str) -> None:
    write_tree(tmp_path, {"deploy": content, "code.py": f"KEY = '{content}'"})
    assert read_reason(tmp_path, "deploy") == MAY_HOLD_SECRETS
    assert read_reason(tmp_path, "code.py") is None


def test_read_file_with_service_account_key_skips_file(tmp_path: Path) -> None:
    content = '{\n "type": "service_account",\n "private_key": "-----BEGIN PRIVATE KEY-----\\nMIIE"\n}\n'
    write_tree(tmp_path, {"my-project-1a2b.json": content, "a.py": content})
    assert [read_reason(tmp_path, name) for name in ("my-project-1a2b.json", "a.py")] == [
        MAY_HOLD_SECRETS,
        None,
    ]


def test_read_file_with_public_keys_returns_content(tmp_path: Path) -> None:
    public = CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY")
    tree = {"a.crt": CERTIFICATE, "b.crt": CERTIFICATE * 2, "c": public, "d": f"# Keys\n\n{KEY}"}
    write_tree(tmp_path, tree)
    assert [read_reason(tmp_path, name) for name in tree] == [None] * 4


@posix_only
def test_read_file_with_semlsignore_rule_returns_private_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, {"r/.semlsignore": "!fixture", "r/d/e/fixture": KEY, "r/d/e/other": KEY})
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path / "r", Path("r")):
        assert read_reason(root, "d/e/fixture") is None
        assert read_reason(root, "d/e/other") == MAY_HOLD_SECRETS
