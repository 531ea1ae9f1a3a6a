--- Selects the picker: one that the user has installed, or the built-in one. Each picker searches on every change of
--- its prompt, keeps the server's order, does not filter, and keeps its own keys.

local client = require('semls.client')
local config = require('semls.config')
local hint = require('semls.pickers.hint')
local items = require('semls.items')

local M = {}

local MODULES = {
  snacks = 'semls.pickers.snacks',
  ['mini.pick'] = 'semls.pickers.mini',
  telescope = 'semls.pickers.telescope',
  ['fzf-lua'] = 'semls.pickers.fzf',
  builtin = 'semls.pickers.builtin',
}

-- Pickers that a user enables explicitly come first; the others may be installed only as dependencies.
local PREFERENCE = { 'snacks', 'mini.pick', 'telescope', 'fzf-lua', 'builtin' }

--- Return the name of the picker that `open` uses.
---@return string
function M.name()
  return config.picker
    or vim.iter(PREFERENCE):find(function(name)
      return require(MODULES[name]).is_available()
    end)
end

---@param query string
function M.open(query)
  local name = M.name()
  if not MODULES[name] then
    return client.show_error(('unknown picker %q; available: %s'):format(name, table.concat(PREFERENCE, ', ')))
  end
  require(MODULES[name]).open(query)
end

--- Return a function that searches in the workspace of the current buffer, and the root of that workspace. Each call
--- cancels the previous one, whose callbacks are then not called. By default, an error, such as one about an incomplete
--- filter, is shown as a hint.
---@return fun(query: string, on_items: fun(items: semls.Item[], coverage?: table), on_error?: fun(message: string))
---@return string root
function M.live_search()
  local root = client.root(vim.api.nvim_get_current_buf())
  local cancel = function() end
  return function(query, on_items, on_error)
    cancel()
    hint.hide()
    query = vim.trim(query)
    if query == '' then
      return on_items({})
    end
    cancel = client.request({
      method = 'semls/search',
      params = { query = query, limit = config.limit },
      root = root,
      on_result = function(answer, sender)
        on_items(items.of(answer.hits, sender), answer.coverage)
      end,
      on_error = on_error or function(message)
        hint.show(message)
        on_items({})
      end,
    })
  end,
    root
end

return M
