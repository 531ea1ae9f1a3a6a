--- Selects the picker: one that the user has installed, or the built-in one. Each picker searches on every change of
--- its prompt, keeps the server's order, does not filter, and keeps its own keys.

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
  select = 'semls.pickers.select',
}

-- Pickers that a user enables explicitly come first; the others may be installed only as dependencies.
local PREFERENCE = { 'snacks', 'mini.pick', 'telescope', 'fzf-lua', 'builtin', 'select' }

M.TITLE = 'Search by meaning'

local MIN_CONFIDENCE = 0.2 -- of an answer with a strong match; see server/REFERENCE.md
local REFRESH = 2000 -- milliseconds after an answer until the query is sent again while the code is being embedded

--- The last answer, which `reopen` shows again.
---@class semls.Search
---@field query string
---@field root string
---@field items semls.Item[]
---@field title string
---@field current integer the selected item

---@type semls.Search?
local last

--- Return the name of the picker that `open` uses.
---@return string
function M.name()
  return config.picker
    or vim.iter(PREFERENCE):find(function(name)
      return require(MODULES[name]).is_available()
    end)
end

--- Return the module of the picker; if its name is unknown, show an error and return nil.
local function picker()
  local name = M.name()
  if not MODULES[name] then
    return client.show_error(('unknown picker %q; available: %s'):format(name, table.concat(PREFERENCE, ', ')))
  end
  return require(MODULES[name])
end

---@param query string
function M.open(query)
  local module = picker()
  if module then
    module.open(query)
  end
end

--- Open the last search again, with its query, hits and selection.
function M.reopen()
  local module = picker()
  if module and last then
    module.reopen(last)
  elseif module then
    client.show_error('nothing has been searched yet')
  end
end

--- Remember which item of the last search is selected.
---@param rank? integer
function M.remember(rank)
  if last then
    last.current = rank or 1
  end
end

--- Whether no hit of an answer is a strong match, although there are hits.
---@return boolean
function M.is_weak(answer)
  return #answer.hits > 0 and answer.confidence < MIN_CONFIDENCE
end

--- Whether an answer may be better later: the engine embeds the best candidates of a query at once.
---@return boolean
local function is_partial(answer)
  return answer.coverage.embedded < answer.coverage.chunks
end

---@param root string
---@return string
local function title_of(answer, root)
  local title = M.TITLE
  if #answer.hits == 0 then
    title = answer.complete and 'No hits' or 'No hits yet: files are being read'
  elseif M.is_weak(answer) then
    title = 'No strong match; nearest:'
  end
  local state = client.states[vim.uri_from_fname(root)]
  if state and client.is_lexical_only(state) then
    return title .. ' (full-text search only)'
  end
  local chunks, embedded = answer.coverage.chunks, answer.coverage.embedded
  return is_partial(answer) and ('%s (%d %% embedded)'):format(title, 100 * embedded / chunks) or title
end

---@class semls.LiveSearch
---@field root? string of the workspace, by default that of the current buffer
---@field refresh? fun() should search again if the picker is open and the user has not selected another hit
---@field wait? boolean whether the answer may take a second longer, to be better while the code is being embedded

--- Return a function that searches in a workspace, and the workspace's root. Each call cancels the previous one, whose
--- callbacks are then not called. By default, an error, such as one about an incomplete filter, is shown as a hint.
--- While the code is being embedded, `refresh` is called two seconds after the last answer.
---@param options? semls.LiveSearch
---@return fun(query: string, on_items: fun(items: semls.Item[], title: string), on_error?: fun(message: string))
---@return string root
function M.live_search(options)
  options = options or {}
  local root = options.root or client.root(vim.api.nvim_get_current_buf())
  local cancel = function() end
  local searches = 0
  return function(query, on_items, on_error)
    cancel()
    searches = searches + 1
    local number = searches
    hint.hide()
    query = vim.trim(query)
    if query == '' then
      return on_items({}, M.TITLE)
    end
    cancel = client.request({
      method = 'semls/search',
      params = { query = query, limit = config.limit, wait = options.wait },
      root = root,
      on_result = function(answer, sender)
        local found, title = items.of(answer.hits, sender), title_of(answer, root)
        last = { query = query, root = root, items = found, title = title, current = 1 }
        if answer.notice ~= '' then
          hint.show(answer.notice)
        end
        on_items(found, title)
        if options.refresh and is_partial(answer) then
          vim.defer_fn(function()
            if number == searches then
              options.refresh()
            end
          end, REFRESH)
        end
      end,
      on_error = on_error or function(message)
        hint.show(message)
        on_items({}, M.TITLE)
      end,
    })
  end,
    root
end

return M
