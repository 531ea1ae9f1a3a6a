--- The picker of snacks.nvim.

local M = {}

--- Whether it is the user's picker: snacks may be there for something else.
---@return boolean
function M.usable()
  local Snacks = rawget(_G, 'Snacks')
  return Snacks ~= nil and Snacks.config.picker.enabled == true
end

--- What finds items: a coroutine that sleeps until they have come.
local function finder(ask)
  return function(_, context)
    local query = context.filter.search
    return function(add)
      local task, found = context.async, nil
      vim.schedule(function() -- out of the coroutine
        ask(query, function(items)
          found = items
          task:resume()
        end)
      end)
      while not found do
        task:suspend()
      end
      for _, item in ipairs(found) do
        add({
          text = item.name,
          name = item.name,
          line = item.text, -- in the quickfix list
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
  local ask, root = require('semls.pickers').live()
  require('snacks').picker.pick({
    source = 'semls',
    title = 'Search by meaning',
    cwd = root,
    search = query,
    live = true,
    supports_live = true,
    show_empty = true,
    finder = finder(ask),
    format = format,
    sort = { fields = { 'idx' } },
  })
end

return M
