-- For `vim.lsp.enable('semls')`, from Neovim 0.11 on: the server alone, without `require('semls').setup()`.
local client = require('semls.client')

-- Without filetypes it is asked for every buffer, also for unnamed ones, which belong to no workspace.
local function root_dir(buffer, on_dir)
  if client.is_file(buffer) then
    on_dir(client.root(buffer))
  end
end

return vim.tbl_extend('error', client.config(), { root_dir = root_dir })
