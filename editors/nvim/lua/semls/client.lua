--- Starts a language server for each root, with or without a buffer, and sends requests to it.

local config = require('semls.config')

local M = {}

local NAME = 'semls'

--- The last state that a server has sent for each folder, by URI.
---@type table<string, table>
M.states = {}

---@type table<integer, fun()[]> callbacks by client ID, which run when the client is initialized
local callbacks = {}

---@type table<string, integer> client IDs by root
local started = {}

-- Before Neovim 0.11, client methods take no `self`, and `vim.lsp.start` attaches every client to a buffer.
local IS_0_11 = vim.fn.has('nvim-0.11') == 1

---@param client vim.lsp.Client
---@param method string
local function call(client, method, ...)
  if IS_0_11 then
    return client[method](client, ...)
  end
  return client[method](...)
end

---@param settings vim.lsp.ClientConfig
---@return integer?
local function launch(settings)
  if IS_0_11 then
    return vim.lsp.start(settings, { attach = false })
  end
  return vim.lsp.start_client(settings)
end

--- Return the current directory if it contains a file, or else the file's folder. A home directory is no workspace.
---@param file string
---@return string
local function containing_directory(file)
  local current = vim.fs.normalize(vim.fn.getcwd())
  local is_home = vim.startswith(vim.fs.normalize('~') .. '/', current .. '/') or current == '/'
  if not is_home and vim.startswith(vim.fs.normalize(file), current .. '/') then
    return current
  end
  return vim.fs.dirname(file)
end

--- Return the root of a buffer's file. Without root markers, that is the current directory if it contains the file, or
--- else the file's folder. A buffer without a file, such as the quickfix list, belongs to the root of the file in the
--- previous window, and without such a file to the root of the current directory.
---@param buffer integer
---@return string
function M.root(buffer)
  if not M.is_file(buffer) then
    buffer = vim.fn.winbufnr(vim.fn.winnr('#'))
  end
  if M.is_file(buffer) then
    local file = vim.api.nvim_buf_get_name(buffer)
    return vim.fs.root(buffer, config.root_markers) or containing_directory(file)
  end
  return vim.fs.root(vim.fn.getcwd(), config.root_markers) or vim.fn.getcwd()
end

--- Whether the buffer is a named file on the disk.
---@param buffer integer
---@return boolean
function M.is_file(buffer)
  local name = vim.api.nvim_buf_get_name(buffer)
  return name ~= '' and vim.bo[buffer].buftype == '' and not name:match('^%w+://')
end

--- Whether there is no model for a folder, so that its code is not embedded.
---@param state table
---@return boolean
function M.is_lexical_only(state)
  return state.phase == 'ready' and state.model == '' and state.chunks > 0
end

---@param uri string of a folder
---@param state? table
local function set_state(uri, state)
  M.states[uri] = state
  vim.api.nvim_exec_autocmds('User', { pattern = 'SemlsStatus', modeline = false })
end

--- Return the configuration of a client, without its root.
---@return vim.lsp.ClientConfig
function M.config()
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.experimental = { semls = { didChangeStatus = true } }
  return {
    name = NAME,
    cmd = config.cmd,
    settings = { semls = vim.empty_dict() },
    init_options = config.settings,
    capabilities = capabilities,
    handlers = {
      ['semls/didChangeStatus'] = function(_, state)
        set_state(state.uri, state)
      end,
    },
    on_init = function(client)
      for _, callback in ipairs(callbacks[client.id] or {}) do
        callback()
      end
      callbacks[client.id] = nil
    end,
    on_exit = function(_, _, id)
      local uri = vim.uri_from_fname(vim.lsp.get_client_by_id(id).root_dir)
      vim.schedule(function()
        set_state(uri, nil)
      end)
    end,
  }
end

--- Call a function as soon as the client is initialized.
---@param client vim.lsp.Client
---@param callback fun()
local function when_initialized(client, callback)
  if client.initialized then
    return callback()
  end
  callbacks[client.id] = callbacks[client.id] or {}
  table.insert(callbacks[client.id], callback)
end

--- Return the clients that run, also those that are starting, which `get_clients` omits.
---@return vim.lsp.Client[]
function M.all()
  local clients = vim.lsp.get_clients({ name = NAME })
  for _, id in pairs(started) do
    local client = vim.lsp.get_client_by_id(id)
    if client and not client.initialized then
      table.insert(clients, client)
    end
  end
  return clients
end

--- Return the running client of a root.
---@param root string
---@return vim.lsp.Client?
function M.find(root)
  return vim.iter(M.all()):find(function(client)
    return client.root_dir == root and not call(client, 'is_stopped')
  end)
end

--- Return the client of a root. Start it if necessary; if that is impossible, show an error and return nil.
---@param root string
---@return vim.lsp.Client?
function M.start(root)
  local running = M.find(root)
  if running then
    return running
  end
  if vim.fn.executable(config.cmd[1]) == 0 then
    local advice = 'install semls or set `cmd`; see :checkhealth semls'
    M.show_error(('program %s not found: %s'):format(config.cmd[1], advice))
    return nil
  end
  local settings = M.config()
  settings.root_dir = root
  started[root] = launch(settings)
  return started[root] and vim.lsp.get_client_by_id(started[root])
end

--- Attach a buffer to the server of its root, which then receives its changes.
---@param buffer integer
function M.attach(buffer)
  if M.is_file(buffer) then
    local client = M.start(M.root(buffer))
    if client then
      vim.lsp.buf_attach_client(buffer, client.id)
    end
  end
end

---@class semls.Request
---@field method string
---@field params table
---@field on_result fun(result: any, client: vim.lsp.Client)
---@field on_error? fun(message: string)
---@field root? string whose server receives the request; by default that of the current buffer

--- Send a request. Return a function that cancels it.
---@param request semls.Request
---@return fun()
function M.request(request)
  local client = M.start(request.root or M.root(vim.api.nvim_get_current_buf()))
  if not client then
    return function() end
  end
  local id, cancelled
  when_initialized(client, function()
    if cancelled then
      return
    end
    local _
    _, id = call(client, 'request', request.method, request.params, function(err, result)
      id = nil
      if cancelled then
        return
      elseif err then
        (request.on_error or M.show_error)(err.message)
      else
        request.on_result(result, client)
      end
    end)
  end)
  return function()
    cancelled = true
    if id then
      call(client, 'cancel_request', id)
    end
  end
end

local MESSAGES = {
  pause = 'embedding paused until `:Semls resume`',
  resume = 'embedding resumed',
  reindex = 'updating the index',
  clear = 'rebuilding the index',
}

--- Execute a command of the server that changes the index.
---@param name 'pause'|'resume'|'reindex'|'clear'
function M.execute(name)
  M.request({
    method = 'workspace/executeCommand',
    params = { command = 'semls.' .. name },
    on_result = function()
      vim.notify('semls: ' .. MESSAGES[name])
    end,
  })
end

--- Stop all clients and wait until they have exited.
---@param force boolean
---@return boolean whether they have exited
local function stop(force)
  for _, client in ipairs(M.all()) do
    call(client, 'stop', force)
  end
  return vim.wait(5000, function()
    return #M.all() == 0
  end, 20)
end

function M.restart()
  local buffers = {}
  for _, client in ipairs(M.all()) do
    vim.list_extend(buffers, vim.tbl_keys(client.attached_buffers))
  end
  local _ = stop(false) or stop(true)
  for _, buffer in ipairs(buffers) do
    M.attach(buffer)
  end
end

---@param message string
function M.show_error(message)
  vim.notify('semls: ' .. message, vim.log.levels.ERROR)
end

return M
