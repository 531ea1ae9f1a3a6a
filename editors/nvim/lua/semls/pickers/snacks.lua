--- Searches in the picker of snacks.nvim.

local pickers = require('semls.pickers')

local M = {}

--- Whether the user has enabled the picker. snacks.nvim may be installed for its other modules.
---@return boolean
function M.is_available()
  local Snacks = rawget(_G, 'Snacks')
  return Snacks ~= nil and Snacks.config.picker.enabled == true
end

--- Return a finder for a workspace, by default that of the current buffer, and the workspace's root. The finder is a
--- coroutine that suspends until the items have arrived.
---@param workspace? string
local function finder(workspace)
  local picker
  local send, root = pickers.live_search({
    root = workspace,
    refresh = function()
      if picker.list.cursor == 1 and #picker.list.selected == 0 then
        picker:find() -- unless it is closed
      end
    end,
  })
  return function(_, context)
    local query = context.filter.search
    picker = context.picker
    return function(add)
      local task, hits = context.async, nil
      vim.schedule(function() -- requests cannot be sent inside the coroutine
        send(query, function(items, title)
          hits, picker.title = items, title
          picker:update_titles()
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
  end,
    root
end

local function format(item, picker)
  local parts = { { item.name, 'Function' }, { '  ' } }
  return vim.list_extend(parts, require('snacks').picker.format.filename(item, picker))
end

---@type string? root of the search that is being resumed
local resumed

--- The source `semls`, without a finder: each picker has its own.
local SOURCE = {
  title = pickers.TITLE,
  live = true,
  supports_live = true,
  show_empty = true,
  format = format,
  sort = { fields = { 'idx' } },
  config = function(options)
    options.finder, options.cwd = finder(resumed or options.cwd)
  end,
}

--- Make the source known to snacks.nvim: `Snacks.picker.semls()`, and `sources.semls` in the user's configuration.
function M.register()
  require('snacks').picker.sources.semls = SOURCE
end

---@param query string
function M.open(query)
  M.register()
  require('snacks').picker.pick('semls', { search = query })
end

---@param last semls.Search
function M.reopen(last)
  resumed = last.root
  require('snacks').picker.resume('semls')
  resumed = nil
end

return M
