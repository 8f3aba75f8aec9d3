//! Words that hint at what an element is for, in the languages that web pages are most often written in. Hints only:
//! nothing is decided by a word alone. Latin words match at a word's start, others anywhere.

/// Whether `text` (lower case) has one of the words.
pub(crate) fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| has(text, word))
}

fn has(text: &str, word: &str) -> bool {
    let latin = word
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    if !latin {
        return text.contains(word);
    }
    let mut from = 0;
    while let Some(at) = text[from..].find(word) {
        let start = from + at;
        let before = text[..start].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric()) {
            return true;
        }
        from = start + word.len();
    }
    false
}

pub(crate) const USER: &[&str] = &[
    "user", "login", "log-in", "email", "e-mail", "mail", "account", "identifier", "benutzer", "konto", "nutzer",
    "kennung", "utilisateur", "identifiant", "courriel", "usuario", "correo", "cuenta", "usuário", "utente",
    "gebruiker", "użytkownik", "användare", "bruger", "phone", "telefon", "username", "userid", "loginid", "用户", "帐号",
    "账号", "邮箱", "手机", "ユーザ", "メール", "アカウント", "사용자", "이메일", "아이디", "логин", "почт", "пользовател",
];
pub(crate) const SIGN_IN: &[&str] = &[
    "sign in", "sign-in", "signin", "log in", "log-in", "login", "logon", "log on", "anmelden", "anmeldung",
    "einloggen", "connexion", "se connecter", "connecter", "iniciar ses", "acceder", "entrar", "ingresar",
    "iniciar sess", "acessar", "accedi", "inloggen", "aanmelden", "zaloguj", "logga in", "登录", "登錄", "登入", "ログイン",
    "サインイン", "로그인", "войти", "вход",
];
pub(crate) const NEXT: &[&str] = &[
    "next", "continue", "weiter", "fortfahren", "suivant", "continuer", "siguiente", "continuar", "próximo",
    "seguinte", "avançar", "avanti", "continua", "volgende", "doorgaan", "verder", "dalej", "nästa", "proceed", "下一步",
    "继续", "次へ", "続行", "다음", "далее", "submit", "enter", "go",
];
pub(crate) const NOT_SUBMIT: &[&str] = &[
    "show", "hide", "reveal", "toggle", "visibility", "anzeigen", "zeigen", "afficher", "montrer", "mostrar",
    "ver contrase", "mostra", "tonen", "toon", "forgot", "reset", "recover", "vergessen", "oublié", "olvid", "esquec",
    "dimenticat", "vergeten", "register", "sign up", "signup", "sign-up", "create", "join", "registrieren", "inscri",
    "regist", "crear", "criar", "crea ", "subscribe", "newsletter", "search", "suche", "buscar", "recherche",
    "zoeken", "cerca", "cancel", "close", "back", "help", "cookie", "accept", "language", "theme", "passkey",
    "zurück", "abbrechen", "schließen", "显示", "忘记", "注册", "搜索", "表示", "検索", "登録", "パスワードを忘れ", "sso", "in with", "continue with", "weiter mit", "anmelden mit", "continuer avec", "continuar con", "continuar com", "continua con", "accedi con", "qr",
];
pub(crate) const SEARCH: &[&str] = &[
    "search", "suche", "such", "recherche", "buscar", "búsqueda", "busca", "pesquis", "cerca", "ricerca", "zoek",
    "szukaj", "sök", "filter", "find", "搜索", "搜尋", "検索", "검색", "поиск", "query",
];
pub(crate) const NEWSLETTER: &[&str] = &[
    "newsletter", "subscribe", "subscription", "abonn", "suscri", "inscreva", "iscriviti", "订阅", "購読", "updates",
];
pub(crate) const MESSAGE: &[&str] = &[
    "message", "messag", "chat", "ask", "prompt", "question", "type", "write", "reply", "say", "talk", "nachricht",
    "frag", "schreib", "eingabe", "demand", "pose", "écri", "mensaje", "pregunt", "escrib", "mensagem", "pergunt",
    "escrev", "messaggio", "chied", "domand", "scriv", "bericht", "vraag", "typ", "wiadomo", "zapyta", "meddelande",
    "fråga", "消息", "输入", "提问", "问", "訊息", "メッセージ", "質問", "入力", "메시지", "질문", "сообщен", "вопрос", "anything",
    "how can", "help you",
];
pub(crate) const SEND: &[&str] = &[
    "send", "submit", "ask", "go", "post", "senden", "absenden", "abschicken", "fragen", "envoyer", "enviar",
    "preguntar", "invia", "manda", "verstuur", "verzend", "sturen", "wyślij", "skicka", "发送", "發送", "提交", "送信", "전송",
    "보내기", "отправить", "arrow", "paper-plane", "paperplane",
];
pub(crate) const NOT_SEND: &[&str] = &[
    "attach", "upload", "file", "image", "photo", "picture", "mic", "voice", "audio", "record", "dictat", "speech",
    "emoji", "sticker", "gif", "setting", "option", "tool", "menu", "more", "clear", "delete", "remove", "reset",
    "undo", "retry", "regenerate", "new chat", "new ", "model", "search", "copy", "share", "edit", "stop", "cancel",
    "close", "anhang", "anhäng", "datei", "löschen", "spracheingabe", "mikro", "joindre", "fichier", "adjuntar",
    "archivo", "anexar", "allega", "bijlage", "附件", "上传", "语音", "添付", "音声", "download", "theme", "logout", "log out",
    "sign out", "expand", "fullscreen", "scroll", "thumb", "like", "login", "log in", "sign in", "sign up", "readme",
    "history",
];
pub(crate) const WRONG: &[&str] = &[
    "incorrect", "invalid", "wrong", "failed", "fail", "not match", "doesn't match", "does not match", "unknown",
    "denied", "unauthori", "not recogn", "couldn't find", "not found", "try again", "no account", "mismatch",
    "bad credentials", "not valid", "error", "falsch", "ungültig", "fehl", "nicht korrekt", "stimm", "incorrecte",
    "invalide", "erroné", "échoué", "mauvais", "incorrecto", "incorrecta", "inválid", "no válid", "errónea",
    "incorret", "errat", "non valid", "onjuist", "ongeldig", "verkeerd", "nieprawidłow", "błędn", "fel", "错误", "不正确",
    "无效", "失败", "正しくありません", "間違", "無効", "誤", "잘못", "올바르지", "неверн", "неправильн", "please enter a correct",
];
pub(crate) const SECRET: &[&str] = &[
    "password", "credential", "passwort", "kennwort", "zugangsdaten", "mot de passe", "contraseña", "credencial",
    "senha", "credenziali", "wachtwoord", "hasło", "lösenord", "code", "pin", "密码", "パスワード", "비밀번호", "парол",
];
pub(crate) const BROKEN: &[&str] = &[
    "http error", "server error", "internal error", "unavailable", "network", "timeout", "timed out", "bad gateway",
    "not found", "method not allowed", "connection", "went wrong", "unexpected error", "500", "502", "503", "504",
    "404", "405", "serverfehler", "netzwerk", "verbindung", "erreur serveur", "réseau", "error del servidor",
    "erro no servidor", "errore del server", "serverfout", "服务器错误", "サーバーエラー", "csrf",
];
pub(crate) const LOCKED: &[&str] = &[
    "too many", "rate limit", "rate-limit", "ratelimit", "locked", "temporarily", "try again later", "zu viele",
    "gesperrt", "trop de", "demasiad", "muitas tentativas", "troppi", "te veel", "过于频繁", "次数过多", "多すぎ", "too fast",
    "slow down", "quota", "limit reached", "usage limit", "overloaded", "capacity", "message limit", "reached your",
    "reached the limit", "limit exceeded", "exceeded", "limit erreicht", "limite atteinte", "límite alcanzado",
    "limite atingido", "limite raggiunto", "limiet bereikt", "上限", "한도",
];
pub(crate) const LOGGED_IN: &[&str] = &[
    "log out", "logout", "log-out", "sign out", "signout", "sign-out", "log off", "abmelden", "ausloggen",
    "déconnexion", "se déconnecter", "cerrar ses", "salir", "sair", "terminar sess", "esci", "disconnetti",
    "uitloggen", "afmelden", "wyloguj", "logga ut", "退出", "登出", "注销", "ログアウト", "サインアウト", "로그아웃", "выйти",
    "my account", "mein konto", "mon compte", "mi cuenta", "profile", "user menu", "account menu", "avatar",
];
pub(crate) const CODE: &[&str] = &[
    "one-time", "one time", "otp", "totp", "2fa", "two-factor", "two factor", "verification code", "authenticator",
    "security code", "passcode", "auth code", "authentication code", "token", "bestätigungscode", "sicherheitscode",
    "einmal", "code de vérification", "código de verific", "código de seguridad", "codice di verifica",
    "verificatiecode", "验证码", "動態", "認証コード", "확인 코드", "인증 코드", "код подтверждения",
];
pub(crate) const LAUNCH: &[&str] = &[
    "chat", "ask us", "ask me", "ask a question", "ask ai", "ask the", "message us", "text us", "talk to us", "talk with", "messenger",
    "assistant", "start a conversation", "new conversation", "frag uns", "fragen sie", "frage stellen", "schreib uns", "schreiben sie uns", "nachricht an uns", "discuter", "discutez",
    "posez", "écrivez-nous", "pregunt", "habla con", "escríbenos", "fale conosco", "converse", "pergunt", "conversa", "chiedi", "scrivici", "stel een vraag",
    "zapytaj", "ställ en fråga", "💬", "🗨", "🗪", "在线咨询", "咨询", "客服", "聊天", "线上客服", "チャット", "相談", "問い合わせ", "채팅", "상담", "чат", "спросить", "написать нам",
];
pub(crate) const HELP: &[&str] = &[
    "help", "support", "contact us", "questions?", "any questions", "hilfe", "kontakt", "aide", "assistance", "ayuda", "soporte", "contacto", "ajuda",
    "suporte", "aiuto", "supporto", "assistenza", "hulp", "pomoc", "hjälp", "帮助", "支持", "ヘルプ", "サポート", "도움", "помощь", "поддержк",
];
pub(crate) const NOT_LAUNCH: &[&str] = &[
    "cookie", "privacy", "consent", "theme", "dark", "scroll", "top", "accessib", "language", "feedback", "share", "download", "upgrade", "subscribe",
    "newsletter", "cart", "basket", "checkout", "setting", "log out", "logout", "sign out", "sign in", "log in", "login", "sign up", "register", "close",
    "dismiss", "delete", "remove", "history", "export", "print", "play", "pause", "mute", "datenschutz", "nach oben", "sprache", "einstellung", "anmelden",
    "abmelden", "schließen", "haut de page", "arriba", "topo", "torna su", "返回顶部", "トップ", "наверх",
];
pub(crate) const CLOSE: &[&str] = &[
    "close", "dismiss", "got it", "ok", "okay", "skip", "later", "not now", "no thanks", "decline", "reject",
    "continue", "start", "begin", "done", "understand", "let's go", "get started", "schließen", "verstanden",
    "ablehnen", "später", "überspringen", "loslegen", "los geht", "fermer", "compris", "refuser", "plus tard",
    "cerrar", "entendido", "rechazar", "omitir", "fechar", "entendi", "recusar", "chiudi", "ho capito", "rifiuta",
    "sluiten", "begrepen", "weigeren", "关闭", "知道了", "跳过", "閉じる", "了解", "スキップ", "닫기", "확인", "закрыть", "понятно", "×",
    "✕", "✖",
];
pub(crate) const FAILED: &[&str] = &[
    "error", "failed", "failure", "went wrong", "unable to", "could not", "couldn't", "unavailable", "try again",
    "timed out", "timeout", "internal server", "fehler", "fehlgeschlagen", "erreur", "échec", "error al", "falló",
    "erro", "falha", "errore", "fout", "mislukt", "błąd", "错误", "失败", "出错", "エラー", "失敗", "오류", "ошибка", "500", "502",
    "503",
];
pub(crate) const BROKEN_OFF: &[&str] = &[
    "was lost", "connection lost", "lost connection", "interrupted", "incomplete", "disconnected", "cut off", "network error", "unterbrochen",
    "unvollständig", "verbindung verloren", "interrompu", "incomplèt", "connexion perdue", "interrumpi", "incomplet", "conexión perdida",
    "interrotta", "onderbroken", "przerwan", "avbröts", "中断", "不完整", "连接已断开", "切断", "途切れ", "끊어", "прерван",
];
pub(crate) const WAITING: &[&str] = &[
    "thinking", "typing", "loading", "generating", "processing", "please wait", "working", "searching", "analyzing",
    "reasoning", "writing", "is typing", "one moment", "denkt", "denke", "schreibt", "lädt", "bitte warten",
    "réflexion", "réfléchit", "écrit", "chargement", "pensando", "escribiendo", "cargando", "digitando", "carregando",
    "sto pensando", "scrivendo", "caricamento", "denken", "laden", "思考", "正在", "加载", "生成中", "考え", "入力中", "読み込み", "생각",
    "печатает", "думает", "assistant is", "connecting", "initializing",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_words_match_at_a_words_start_only() {
        assert!(any("e-mail address", USER) && any("your login", USER) && any("用户名", USER));
        assert!(!any("bismuth", &["mut"]) && any("a mute b", &["mut"]));
    }
}
