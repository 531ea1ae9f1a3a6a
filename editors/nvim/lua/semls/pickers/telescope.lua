--- Searches in telescope.nvim.

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

--- Return a finder. Telescope's own `new_dynamic` handles the next prompt only after the answer to the previous one, so
--- that requests would not be cancelled.
local function finder(send, root)
  return setmetatable({ close = function() end }, {
    __call = function(_, prompt, process_result, process_complete)
      send(prompt, function(items)
        for index, item in ipairs(items) do
          local result = entry(item, root)
          result.index = index
          if process_result(result) then
            return -- the prompt has changed
          end
        end
        process_complete()
      end)
    end,
  })
end

---@param query string
function M.open(query)
  local send, root = require('semls.pickers').live_search()
  local options = { cwd = root }
  require('telescope.pickers')
    .new(options, {
      prompt_title = 'Search by meaning',
      default_text = query,
      finder = finder(send, root),
      sorter = require('telescope.sorters').empty(),
      previewer = require('telescope.config').values.qflist_previewer(options),
    })
    :find()
end

return M
