--- mini.pick.

local M = {}

---@return boolean
function M.usable()
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
  local ask, root = require('semls.pickers').live()
  local function match()
    local tick = MiniPick.get_querytick()
    -- What it gives to `match` is in small letters where 'ignorecase' is set.
    ask(table.concat(MiniPick.get_picker_query()), function(found)
      MiniPick.set_picker_items(vim.tbl_map(entry, found), { do_match = false, querytick = tick })
    end)
  end
  vim.schedule(function() -- when the picker, which takes all keys until it ends, is there
    MiniPick.set_picker_query(vim.fn.split(query, '\\zs'))
  end)
  MiniPick.start({ source = { name = 'Search by meaning', cwd = root, items = {}, match = match } })
end

return M
