--- What a user may set.

---@class semls.Options
---@field cmd? string[] the server's command
---@field root_markers? string[] what a workspace has at its root
---@field settings? { model?: string, revision?: string, store?: table } as described in the README of semls
---@field auto? boolean start the server, and with it the indexing, with the first file; else with the first search
---@field limit? integer hits of a search
---@field picker? 'snacks'|'mini.pick'|'telescope'|'fzf-lua'|'builtin' else the first of these that is there

---@class semls.Config: semls.Options
local M = {
  cmd = { 'semls', 'lsp' },
  root_markers = { '.git', '.hg', '.jj', '.svn' },
  settings = {},
  auto = true,
  limit = 50,
}

local TYPES =
  { cmd = 'table', root_markers = 'table', settings = 'table', auto = 'boolean', limit = 'number', picker = 'string' }

---@param options? semls.Options
function M.set(options)
  for key, value in pairs(options or {}) do
    if not TYPES[key] then
      error(('semls: there is no option %q; see :help semls-options'):format(key), 0)
    elseif type(value) ~= TYPES[key] then
      error(('semls: the option %s is a %s, not a %s'):format(key, TYPES[key], type(value)), 0)
    end
    M[key] = value
  end
end

return M
