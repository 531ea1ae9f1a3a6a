"""Recognize files that may hold secrets, by their names and by private keys in them.

The names are those that gitleaks, gitrob and GitHub's .gitignore templates list. Source code, public keys,
certificates, and examples of such files (`.env.example`) do not count.
"""

import re

MAY_HOLD_SECRETS = "may hold secrets"

_SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".password-store", ".env", ".envs"})
_SECRET_NAMES = frozenset(
    """
    .netrc _netrc .pgpass pgpass.conf .my.cnf .mylogin.cnf .npmrc .pypirc .htpasswd .htdigest .git-credentials
    .dockercfg .dockerconfigjson .s3cfg .boto .passwd-s3fs rclone.conf .databrickscfg .terraformrc
    terraform.rc .vault-token .vault-pass .vault_pass .vault_pass.txt .vault_password .vault-password
    local.settings.json .dev.vars .renviron .msmtprc .fetchmailrc
    shadow gshadow .claude.json
    .ftpconfig sftp-config.json filezilla.xml recentservers.xml sitemanager.xml settings-security.xml
    """.split()
)
_SECRET_PATHS = frozenset(
    """
    .codex/auth.json .docker/config.json .kube/config .m2/settings.xml .composer/auth.json .vscode/sftp.json
    gh/hosts.yml
    """.split()
)
_HELM_TEMPLATES = frozenset(
    f"templates/{name}.{suffix}" for name in ("secret", "secrets") for suffix in ("yml", "yaml")
)
_KEY_SUFFIXES = frozenset(
    """
    .pem .key .p8 .pk8 .p12 .pfx .pkcs12 .ppk .jks .jceks .bks .keystore .kdb .kdbx .psafe3 .keychain
    .keychain-db .ovpn .publishsettings
    """.split()
)
_SECRET_SUFFIXES = frozenset({".env", ".tfvars", ".tfstate"})
_CODE_SUFFIXES = frozenset(
    """
    .c .cc .cpp .h .hpp .cs .dart .ex .exs .go .java .js .jsx .mjs .cjs .ts .tsx .mts .cts .kt .lua .pl .py
    .pyi .rb .rs .scala .swift .md .rst .adoc .html .css .pub
    """.split()
)
_BACKUP_SUFFIX = re.compile(r"(?:\.(?:bak|backup|copy|old|orig|save)|~)+$")
_EXAMPLE = re.compile(
    r"(?:^|[._-])(?:examples?|samples?|templates?|dist|schema|tmpl|tpl)(?:\.[a-z0-9]+)?$|\.(?:j2|jinja2?|erb)$"
)
_STAGE = "(?:dev(?:elopment)?|prod(?:uction)?|stag(?:e|ing)|test(?:ing)?|qa|uat|ci|live|local)"
_SECRET_NAME_PATTERN = re.compile(
    rf"""
      \.env(?:[._-].+|\d+|file) | \.envrc.* | \.dev\.vars\..+
    | id_(?:rsa|dsa|ecdsa|ed25519|xmss)(?:[._-].*)?
    | [^.]*[_-](?:rsa|dsa|ecdsa|ed25519)(?:_sk)? | ssh_host_\w+_key
    | \.?credentials.*\.json
    | \.?credentials(?:[._-].*)?\.(?:ya?ml|toml|ini|csv|xml|cfg|conf|properties|txt|db)
    | (?:.*[._-])?credentials(?:\.(?:json|ya?ml|toml|ini|csv))? | \.?credentials
    | client[_-]?secrets?.*\.json | (?:.*[._-])?service[_-]?account(?:[._-]?key)?(?:[._-].*)?\.json
    | .*firebase-adminsdk.*\.json
    | (?:{_STAGE}[._-]|\.)?secrets?(?:[._-]{_STAGE})?\.(?:ya?ml|json|toml|ini|properties|xml|conf|txt)
    | \.secrets?
    | (?:.*[._-])?kube[._-]?config(?:[_-][^.]+|\.{_STAGE})?(?:\.(?:ya?ml|json|conf))?
    | .*\.tfvars\.json | .*\.tfstate\..+ | \.\w+_history
    """,
    re.VERBOSE,
)
_KEY_FILE_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:----[- ]BEGIN |Bag Attributes|PuTTY-User-Key-File-)")
_PRIVATE_KEY = re.compile(
    rb"^[ \t]*(?:----[- ]BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-)", re.MULTILINE
)
_KEY_IN_JSON = re.compile(rb'"private_key"\s*:\s*"-----BEGIN ')
_MAX_JSON_BYTES = 8192  # at the start of a file that are searched for such a key


def name_suggests_secrets(path: str, name: str, is_folder: bool) -> bool:
    """Return whether a file or folder is likely to hold secrets, judging by its absolute path only."""
    name = name.lower()
    if is_folder:
        return name in _SECRET_FOLDERS
    if name[name.rfind(".") :] in _CODE_SUFFIXES:
        return False
    name = _BACKUP_SUFFIX.sub("", name)
    suffix = name[max(name.rfind("."), 0) :]
    if suffix in _KEY_SUFFIXES:
        return True
    folder_and_name = "/".join(path.lower().rsplit("/", 2)[-2:])
    is_likely = (
        suffix in _SECRET_SUFFIXES
        or name in _SECRET_NAMES
        or folder_and_name in _SECRET_PATHS
        or _SECRET_NAME_PATTERN.fullmatch(name) is not None
    )
    return is_likely and not _EXAMPLE.search(name) and folder_and_name not in _HELM_TEMPLATES


def contains_private_key(name: str, content: bytes) -> bool:
    """Return whether a file is a private key in PEM or PuTTY format, or the JSON key of a service account."""
    if name.lower().endswith(".json"):
        return bool(_KEY_IN_JSON.search(content[:_MAX_JSON_BYTES]))
    return bool(_KEY_FILE_START.match(content) and _PRIVATE_KEY.search(content))
