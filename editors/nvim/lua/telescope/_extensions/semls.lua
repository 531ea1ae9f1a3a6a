-- :Telescope semls

return require('telescope').register_extension({
  exports = {
    semls = function(options)
      require('semls.pickers.telescope').open(options.default_text or '', options)
    end,
  },
})
