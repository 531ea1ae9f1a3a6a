(section "adornment"* @adornment (title) @name "adornment"* @adornment) @definition.module
