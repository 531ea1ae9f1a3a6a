--- The options of `setup` and their defaults.

---@class semls.Settings
---@field model? string
---@field revision? string
---@field store? table
---@field languages? table<string, string> the languages of files, by pattern

---@class semls.Options
---@field cmd? string[] the command that starts the server
---@field root_markers? string[] files and folders that mark the root of a workspace
---@field settings? semls.Settings of the server; see server/REFERENCE.md
---@field auto? boolean start the server with the first file instead of the first search
---@field limit? integer maximum number of hits
---@field picker? 'snacks'|'mini.pick'|'telescope'|'fzf-lua'|'builtin'|'select' by default the first available one

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
      error(('semls: unknown option %q; see :help semls-options'):format(key), 0)
    elseif type(value) ~= TYPES[key] then
      error(('semls: option %s must be a %s, not a %s'):format(key, TYPES[key], type(value)), 0)
    end
    M[key] = value
  end
end

return M
