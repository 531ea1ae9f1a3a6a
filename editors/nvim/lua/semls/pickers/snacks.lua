--- Searches in the picker of snacks.nvim.

local M = {}

--- Whether the user has enabled the picker. snacks.nvim may be installed for its other modules.
---@return boolean
function M.is_available()
  local Snacks = rawget(_G, 'Snacks')
  return Snacks ~= nil and Snacks.config.picker.enabled == true
end

--- Return a finder: a coroutine that suspends until the items have arrived.
local function finder(send)
  return function(_, context)
    local query = context.filter.search
    return function(add)
      local task, hits = context.async, nil
      vim.schedule(function() -- requests cannot be sent inside the coroutine
        send(query, function(items)
          hits = items
          task:resume()
        end)
      end)
      while not hits do
        task:suspend()
      end
      for _, item in ipairs(hits) do
        add({
          text = item.name,
          name = item.name,
          line = item.text, -- the text in the quickfix list
          file = item.filename,
          pos = { item.lnum, item.col - 1 },
        })
      end
    end
  end
end

local function format(item, picker)
  local parts = { { item.name, 'Function' }, { '  ' } }
  return vim.list_extend(parts, require('snacks').picker.format.filename(item, picker))
end

---@param query string
function M.open(query)
  local send, root = require('semls.pickers').live_search()
  require('snacks').picker.pick({
    source = 'semls',
    title = 'Search by meaning',
    cwd = root,
    search = query,
    live = true,
    supports_live = true,
    show_empty = true,
    finder = finder(send),
    format = format,
    sort = { fields = { 'idx' } },
  })
end

return M
