--- :checkhealth semls

local client = require('semls.client')
local config = require('semls.config')

local M = {}

function M.check()
  vim.health.start('semls')
  if vim.fn.has('nvim-0.10') == 1 then
    vim.health.ok('Neovim is new enough')
  else
    vim.health.error('Neovim is too old', 'Install Neovim 0.10 or later.')
  end
  vim.health.info(('`:Semls search` opens the picker %s'):format(require('semls.pickers').name()))
  local program = config.cmd[1]
  if vim.fn.executable(program) == 0 then
    vim.health.error(('The program %s is not there'):format(program), 'Install semls, or set `cmd` in `setup`.')
    return
  end
  vim.health.ok(('%s: %s'):format(program, vim.trim(vim.fn.system({ program, '--version' }))))
  local clients = client.all()
  if #clients == 0 then
    vim.health.info('No server is running: it starts with the first file or search')
  end
  for _, one in ipairs(clients) do
    vim.health.ok(('A server runs for %s'):format(one.root_dir))
  end
  for _, state in pairs(client.states) do
    local said = ('%s: %s, %d of %d chunks embedded'):format(state.workspace, state.phase, state.embedded, state.chunks)
    vim.health.info(said)
    if state.error ~= '' then
      vim.health.error(state.error)
    elseif state.notice ~= '' then
      vim.health.warn(state.notice)
    end
  end
end

return M
