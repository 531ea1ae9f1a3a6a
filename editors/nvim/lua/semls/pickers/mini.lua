--- Searches in mini.pick.

local pickers = require('semls.pickers')

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

--- Search for a query, and select one of its hits.
---@param query string
---@param root? string
---@param current? integer
local function start(query, root, current)
  local MiniPick = require('mini.pick')
  local shown = pickers.TITLE
  local is_open, match = true, nil
  local send, cwd = pickers.live_search({
    root = root,
    refresh = function()
      local matches = is_open and MiniPick.get_picker_matches()
      -- Without hits, there are no such fields.
      if matches and (matches.current_ind or 1) == 1 and #(matches.marked_inds or {}) == 0 then
        match()
      end
    end,
  })
  function match()
    local tick = MiniPick.get_querytick()
    -- The query that mini.pick passes to `match` is lowercase if 'ignorecase' is set.
    send(table.concat(MiniPick.get_picker_query()), function(items, title)
      if title ~= shown then
        shown = title
        MiniPick.set_picker_opts({ source = { name = title } }) -- old versions call `match` again
      end
      MiniPick.set_picker_items(vim.tbl_map(entry, items), { do_match = false, querytick = tick })
      if current and current <= #items then
        MiniPick.set_picker_match_inds({ current }, 'current')
      end
      current = #items > 0 and nil or current
    end)
  end
  vim.api.nvim_create_autocmd('User', {
    pattern = 'MiniPickStop',
    once = true,
    callback = function()
      is_open = false
      pickers.remember(MiniPick.get_picker_matches().current_ind)
    end,
  })
  vim.schedule(function() -- `start` blocks until the picker closes
    MiniPick.set_picker_query(vim.fn.split(query, '\\zs'))
  end)
  MiniPick.start({ source = { name = pickers.TITLE, cwd = cwd, items = {}, match = match } })
end

---@param query string
function M.open(query)
  start(query)
end

---@param last semls.Search
function M.reopen(last)
  start(last.query, last.root, last.current)
end

return M
