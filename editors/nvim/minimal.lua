-- A minimal configuration to try the plugin: nvim -u editors/nvim/minimal.lua FILE
vim.opt.runtimepath:append(vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2)))

require('semls').setup({})

vim.g.mapleader = ' '
vim.keymap.set('n', '<leader>s', '<Plug>(semls-search)')
vim.keymap.set({ 'n', 'x' }, '<leader>S', '<Plug>(semls-similar)')
vim.keymap.set('n', '<leader>c', '<Plug>(semls-context)')
vim.o.statusline = "%f %= %{%v:lua.require'semls'.statusline()%}"
vim.api.nvim_create_autocmd('User', { pattern = 'SemlsStatus', command = 'redrawstatus' })
