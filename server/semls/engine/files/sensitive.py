"""Which files may hold secrets: by their names, and by a private key at their beginning.

The names are those that gitleaks, gitrob and GitHub's templates for .gitignore list. Source code
stays, as do public keys, certificates, and files that show with examples what such a file holds.
"""

import re

MAY_HOLD_SECRETS = "may hold secrets"

_FOLDERS = frozenset({".ssh", ".gnupg", ".password-store", ".env", ".envs"})
_NAMES = frozenset(
    """
    .netrc _netrc .pgpass pgpass.conf .my.cnf .mylogin.cnf .npmrc .pypirc .htpasswd .htdigest .git-credentials
    .dockercfg .dockerconfigjson .s3cfg .boto .passwd-s3fs rclone.conf .databrickscfg .terraformrc
    terraform.rc .vault-token .vault-pass .vault_pass .vault_pass.txt .vault_password .vault-password
    local.settings.json .dev.vars .renviron .msmtprc .fetchmailrc
    .ftpconfig sftp-config.json filezilla.xml recentservers.xml sitemanager.xml settings-security.xml
    """.split()
)
_IN_FOLDERS = frozenset(
    """
    .docker/config.json .kube/config .m2/settings.xml .composer/auth.json .vscode/sftp.json gh/hosts.yml
    """.split()
)
_TEMPLATES = frozenset(
    f"templates/{name}.{end}" for name in ("secret", "secrets") for end in ("yml", "yaml")
)  # of Helm
_KEYS = frozenset(
    """
    .pem .key .p8 .pk8 .p12 .pfx .pkcs12 .ppk .jks .jceks .bks .keystore .kdb .kdbx .psafe3 .keychain
    .keychain-db .ovpn .publishsettings
    """.split()
)
_DATA = frozenset({".env", ".tfvars", ".tfstate"})
_CODE = frozenset(
    """
    .c .cc .cpp .h .hpp .cs .dart .ex .exs .go .java .js .jsx .mjs .cjs .ts .tsx .mts .cts .kt .lua .pl .py
    .pyi .rb .rs .scala .swift .md .rst .adoc .html .css .pub
    """.split()
)
_BACKUP = re.compile(r"(?:\.(?:bak|backup|copy|old|orig|save)|~)+$")
_EXAMPLE = re.compile(
    r"(?:^|[._-])(?:examples?|samples?|templates?|dist|schema|tmpl|tpl)(?:\.[a-z0-9]+)?$|\.(?:j2|jinja2?|erb)$"
)
_STAGE = "(?:dev(?:elopment)?|prod(?:uction)?|stag(?:e|ing)|test(?:ing)?|qa|uat|ci|live|local)"
_SHAPES = re.compile(
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
_PEM = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:----[- ]BEGIN |Bag Attributes|PuTTY-User-Key-File-)")
_PRIVATE_KEY = re.compile(
    rb"^[ \t]*(?:----[- ]BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-)", re.MULTILINE
)
_KEY_IN_JSON = re.compile(rb'"private_key"\s*:\s*"-----BEGIN ')


def name_suggests_secrets(path: str, name: str, is_folder: bool) -> bool:
    """Return whether a file or folder is likely to hold secrets, judged by its absolute path alone."""
    name = name.lower()
    if is_folder:
        return name in _FOLDERS
    if name[name.rfind(".") :] in _CODE:
        return False
    name = _BACKUP.sub("", name)
    suffix = name[max(name.rfind("."), 0) :]
    if suffix in _KEYS:
        return True
    place = "/".join(path.lower().rsplit("/", 2)[-2:])
    likely = suffix in _DATA or name in _NAMES or place in _IN_FOLDERS or _SHAPES.fullmatch(name)
    return bool(likely) and not _EXAMPLE.search(name) and place not in _TEMPLATES


def contains_private_key(name: str, content: bytes) -> bool:
    """Return whether a file is a private key: PEM, PuTTY's form, or the JSON of a service account."""
    if name.lower().endswith(".json"):
        return bool(_KEY_IN_JSON.search(content[:8192]))
    return bool(_PEM.match(content) and _PRIVATE_KEY.search(content))
