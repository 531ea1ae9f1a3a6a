-- Configuration for `vim.lsp.enable('semls')`, from Neovim 0.11: the server alone, without `require('semls').setup()`.
local client = require('semls.client')

-- The configuration has no filetypes, so this is called for every buffer. Buffers without a file have no workspace.
local function root_dir(buffer, on_dir)
  if client.is_file(buffer) then
    on_dir(client.root(buffer))
  end
end

return vim.tbl_extend('error', client.config(), { root_dir = root_dir })
