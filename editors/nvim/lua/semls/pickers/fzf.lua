--- Searches in fzf-lua.

local list = require('semls.items')
local pickers = require('semls.pickers')

local M = {}

---@return boolean
function M.is_available()
  return vim.fn.executable('fzf') == 1 and (pcall(require, 'fzf-lua'))
end

--- Return a line for fzf-lua, whose actions and preview parse what follows the no-break space.
---@param item semls.Item
local function entry(item)
  local utils = require('fzf-lua').utils
  local location = ('%s:%d:%d:'):format(item.path, item.lnum, item.col)
  return ('%s%s%s %s'):format(utils.ansi_codes.blue(item.name), utils.nbsp, location, item.text)
end

--- Return the user's file actions, but with a quickfix list in ranking order; fzf-lua sorts it by file.
---@param quickfix fun(selected: string[])
local function actions(quickfix)
  local builtin = require('fzf-lua').actions
  local replacements = {
    [builtin.file_sel_to_qf] = quickfix,
    [builtin.file_edit_or_qf] = function(selected, options)
      return (#selected > 1 and quickfix or builtin.file_edit)(selected, options)
    end,
  }
  local result = {}
  for key, action in pairs(require('fzf-lua.config').globals.actions.files) do
    result[key] = type(action) == 'function' and (replacements[action] or action) or nil
  end
  return result
end

---@param title string
local function set_title(title)
  local window = require('fzf-lua').utils.fzf_winobj()
  if window then
    window:update_main_title((' %s '):format(title))
  end
end

---@param query string
---@param workspace? string
function M.open(query, workspace)
  local fzf = require('fzf-lua')
  local send, root = pickers.live_search({ root = workspace })
  local finish = function() end
  local hits, rank_of = {}, {}
  local function quickfix(selected)
    local ranks = vim.tbl_map(function(line)
      return rank_of[line]
    end, selected)
    table.sort(ranks)
    local items = vim.tbl_map(function(rank)
      return hits[rank]
    end, ranks)
    list.quickfix(fzf.get_last_query(), items)
  end
  fzf.fzf_live(function(prompt)
    finish() -- fzf does not read the previous result any more
    return function(write)
      finish = write
      send(prompt[1] or '', function(items, title)
        set_title(title)
        hits, rank_of = items, {}
        for rank, item in ipairs(items) do
          local line = entry(item)
          rank_of[fzf.utils.strip_ansi_coloring(line)] = rank
          write(line)
        end
        write()
      end)
    end
  end, {
    query = query,
    cwd = root,
    prompt = '> ',
    winopts = { title = (' %s '):format(pickers.TITLE) },
    previewer = 'builtin',
    fzf_opts = { ['--multi'] = true },
    actions = actions(quickfix),
  })
end

---@param last semls.Search
function M.reopen(last)
  M.open(last.query, last.root)
end

return M
