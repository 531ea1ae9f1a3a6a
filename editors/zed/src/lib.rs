use zed_extension_api as zed;

struct Semls;

impl zed::Extension for Semls {
    fn new() -> Self {
        Semls
    }

    fn language_server_command(
        &mut self,
        _server: &zed::LanguageServerId,
        worktree: &zed::Worktree,
    ) -> zed::Result<zed::Command> {
        let command = worktree
            .which("semls")
            .ok_or("semls is not installed or not on the PATH: see the README of semls")?;
        Ok(zed::Command {
            command,
            args: vec!["lsp".into()],
            env: worktree.shell_env(),
        })
    }
}

zed::register_extension!(Semls);
