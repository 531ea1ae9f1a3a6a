--- Searches in mini.pick.

local M = {}

---@return boolean
function M.is_available()
  return rawget(_G, 'MiniPick') ~= nil
end

---@param item semls.Item
local function entry(item)
  return {
    text = ('%s  %s:%d'):format(item.name, item.path, item.lnum),
    path = item.filename,
    lnum = item.lnum,
    col = item.col,
  }
end

---@param query string
function M.open(query)
  local MiniPick = require('mini.pick')
  local send, root = require('semls.pickers').live_search()
  local function match()
    local tick = MiniPick.get_querytick()
    -- The query that mini.pick passes to `match` is lowercase if 'ignorecase' is set.
    send(table.concat(MiniPick.get_picker_query()), function(items)
      MiniPick.set_picker_items(vim.tbl_map(entry, items), { do_match = false, querytick = tick })
    end)
  end
  vim.schedule(function() -- `start` blocks until the picker closes
    MiniPick.set_picker_query(vim.fn.split(query, '\\zs'))
  end)
  MiniPick.start({ source = { name = 'Search by meaning', cwd = root, items = {}, match = match } })
end

return M
