--- Searches in telescope.nvim.

local pickers = require('semls.pickers')

local M = {}

---@return boolean
function M.is_available()
  return (pcall(require, 'telescope'))
end

local function display(result)
  local item = result.value
  local text = ('%s  %s:%d'):format(item.name, item.path, item.lnum)
  return text, { { { 0, #item.name }, 'TelescopeResultsFunction' } }
end

---@param item semls.Item
---@param root string
local function entry(item, root)
  return require('telescope.make_entry').set_default_entry_mt({
    value = item,
    ordinal = item.name,
    display = display,
    filename = item.filename,
    lnum = item.lnum,
    col = item.col,
    text = item.text,
  }, { cwd = root })
end

--- Show a title above the prompt, and again when the picker is resumed.
---@param prompt integer buffer
---@param title string
local function set_title(prompt, title)
  local picker = require('telescope.actions.state').get_current_picker(prompt)
  if picker then
    picker.prompt_title = title
    if picker.layout.prompt.border then
      picker.layout.prompt.border:change_title(title)
    end
  end
end

--- A finder. Telescope's own `new_dynamic` handles the next prompt only after the answer to the previous one, so that
--- requests would not be cancelled.
---@class semls.Finder
---@field send function
---@field root string
---@field prompt? integer buffer of the picker
local Finder = { close = function() end }
Finder.__index = Finder

function Finder:__call(prompt, process_result, process_complete)
  self.send(prompt, function(items, title)
    set_title(self.prompt, title)
    for index, item in ipairs(items) do
      local result = entry(item, self.root)
      result.index = index
      if process_result(result) then
        return -- the prompt has changed
      end
    end
    process_complete()
  end)
end

--- Search again if the picker is open and the first hit is selected.
function Finder:refresh()
  local picker = require('telescope.actions.state').get_current_picker(self.prompt)
  if picker and picker:get_index(picker:get_selection_row()) == 1 and #picker:get_multi_selection() == 0 then
    picker:refresh()
  end
end

---@param query string
---@param options? table of the picker
function M.open(query, options)
  options = options or {}
  local finder = setmetatable({}, Finder)
  finder.send, finder.root = pickers.live_search({
    root = options.cwd,
    refresh = function()
      finder:refresh()
    end,
  })
  options.cwd = finder.root
  require('telescope.pickers')
    .new(options, {
      prompt_title = pickers.TITLE,
      default_text = query,
      finder = finder,
      sorter = require('telescope.sorters').empty(),
      previewer = require('telescope.config').values.qflist_previewer(options),
      attach_mappings = function(prompt) -- also when the picker is resumed
        finder.prompt = prompt
        return true
      end,
    })
    :find()
end

--- Resume the newest of the pickers that Telescope has cached which searches by meaning.
---@param last semls.Search
function M.reopen(last)
  for index, cached in ipairs(require('telescope.state').get_global_key('cached_pickers') or {}) do
    if getmetatable(cached.finder) == Finder then
      return require('telescope.builtin').resume({ cache_index = index })
    end
  end
  M.open(last.query, { cwd = last.root })
end

return M
