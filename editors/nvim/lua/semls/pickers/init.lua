--- The picker that the user has, or else the one of this plugin. Each asks with every change of its prompt, keeps the
--- order of the server, filters nothing, and has its own keys.

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

-- Those first that a user sets up as the picker; the others may be there because another plugin needs them.
local ORDER = { 'snacks', 'mini.pick', 'telescope', 'fzf-lua', 'builtin' }

--- The name of the picker that is used.
---@return string
function M.name()
  return config.picker or vim.iter(ORDER):find(function(name)
    return require(MODULES[name]).usable()
  end)
end

---@param query string
function M.open(query)
  local name = M.name()
  if not MODULES[name] then
    return client.say(('there is no picker %q, but %s'):format(name, table.concat(ORDER, ', ')))
  end
  require(MODULES[name]).open(query)
end

--- What asks the server of the current buffer while somebody types: a question cancels the one before, whose items
--- never come. Of a filter that is half typed a hint tells.
---@return fun(query: string, found: fun(items: semls.Item[], coverage?: table), failed?: fun(message: string))
---@return string root
function M.live()
  local root = client.root(vim.api.nvim_get_current_buf())
  local cancel = function() end
  return function(query, found, failed)
    cancel()
    hint.hide()
    query = vim.trim(query)
    if query == '' then
      return found({})
    end
    cancel = client.ask({
      method = 'semls/search',
      params = { query = query, limit = config.limit },
      root = root,
      answered = function(answer, asked)
        found(items.of(answer.hits, asked), answer.coverage)
      end,
      failed = failed or function(message)
        hint.show(message)
        found({})
      end,
    })
  end,
    root
end

return M
