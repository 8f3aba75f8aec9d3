//! Words that hint at what an element is for, in the languages that web pages are most often written in. Hints only:
//! nothing is decided by a word alone. Latin words match at a word's start, others anywhere.

/// Whether `text` (lower case) has one of the words.
pub(crate) fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| has(text, word))
}

/// As [`any`], for what a button says: words of up to three Latin letters have to stand alone ("no" is not in "notes").
pub(crate) fn said(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        if word.is_ascii() && word.len() <= 3 {
            text.split(|c: char| !c.is_alphanumeric()).any(|part| part == *word)
        } else {
            has(text, word)
        }
    })
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

/// Whether `text` (lower case) says that it signs out, and nothing of signing in besides: in some languages the one has the other in it.
pub(crate) fn leaves(text: &str) -> bool {
    let rest = EXIT.iter().fold(text.to_owned(), |rest, word| rest.replace(word, " "));
    any(text, EXIT) && !any(&rest, SIGN_IN)
}

/// Whether `text` (lower case) speaks of a challenge that is to prove that a person is there.
pub(crate) fn names_challenge(text: &str) -> bool {
    text.contains("captcha") || any(text, PERSON)
}

pub(crate) const USER: &[&str] = &[
    "user", "login", "log-in", "email", "e-mail", "mail", "account", "identifier", "benutzer", "konto", "nutzer",
    "kennung", "utilisateur", "identifiant", "courriel", "usuario", "correo", "cuenta", "usuário", "utente",
    "gebruiker", "użytkownik", "användare", "bruger", "phone", "telefon", "username", "userid", "loginid", "用户", "帐号",
    "账号", "邮箱", "手机", "ユーザ", "メール", "アカウント", "사용자", "이메일", "아이디", "логин", "почт", "пользовател",
    "adres e-mail", "nazwa użytkownika", "имя пользователя", "电子邮件", "帳號", "用戶", "계정", "ログインid", "e-posta", "kullanıcı",
];
pub(crate) const SIGN_IN: &[&str] = &[
    "sign in", "sign-in", "signin", "log in", "log-in", "login", "logon", "log on", "anmelden", "anmeldung",
    "einloggen", "connexion", "se connecter", "connecter", "iniciar ses", "acceder", "entrar", "ingresar",
    "iniciar sess", "acessar", "accedi", "inloggen", "aanmelden", "zaloguj", "logga in", "登录", "登錄", "登入", "ログイン",
    "サインイン", "로그인", "войти", "вход",
    "logga in", "zaloguj się", "logowanie", "zalogować", "авторизоваться", "авторизация", "ingresa", "inicia ses", "iniciar a ses", "fazer login", "accesso", "log ind", "logg inn", "kirjaudu", "giriş", "přihlásit", "登陆", "サインイン", "로그인하기", "se connecter", "m'identifier", "s'identifier", "einwählen",
];
pub(crate) const NEXT: &[&str] = &[
    "next", "continue", "weiter", "fortfahren", "suivant", "continuer", "siguiente", "continuar", "próximo",
    "seguinte", "avançar", "avanti", "continua", "volgende", "doorgaan", "verder", "dalej", "nästa", "proceed", "下一步",
    "继续", "次へ", "続行", "다음", "далее", "submit", "enter", "go",
    "kontynuuj", "następny", "продолжить", "далi", "繼續", "계속", "ok", "avanti", "próxima", "siguiente", "suite", "submit", "verify", "confirm", "bestätigen", "prüfen", "vérifier", "valider", "verificar", "confirmar", "verifica", "conferma", "verifiëren", "bevestigen", "zweryfikuj", "potwierdź", "подтвердить", "проверить", "确认", "验证", "確認", "認証", "확인", "인증",
];
pub(crate) const NOT_SUBMIT: &[&str] = &[
    "show", "hide", "reveal", "toggle", "visibility", "anzeigen", "zeigen", "afficher", "montrer", "mostrar",
    "ver contrase", "mostra", "tonen", "toon", "forgot", "reset", "recover", "vergessen", "oublié", "olvid", "esquec",
    "dimenticat", "vergeten", "register", "sign up", "signup", "sign-up", "create", "join", "registrieren", "inscri",
    "regist", "crear", "criar", "crea ", "subscribe", "newsletter", "search", "suche", "buscar", "recherche",
    "zoeken", "cerca", "cancel", "close", "back", "help", "cookie", "accept", "language", "theme", "passkey",
    "zurück", "abbrechen", "schließen", "显示", "忘记", "注册", "搜索", "表示", "検索", "登録", "パスワードを忘れ", "sso", "in with", "continue with", "weiter mit", "anmelden mit", "continuer avec", "continuar con", "continuar com", "continua con", "accedi con", "qr",
    "zapomnia", "zarejestruj", "szukaj", "anuluj", "pokaż", "забыли", "зарегистр", "показать", "отмена", "поиск", "キャンセル", "戻る", "取消", "返回", "찾기", "회원가입", "가입", "취소", "표시", "annuler", "annuleren", "cancelar", "annulla", "se connecter avec", "s'identifier avec", "zaloguj przez", "войти через", "で続行", "でログイン", "で サインイン", "使用其他",
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
    "how can", "help you", "puis-je", "vous aider", "t'aider", "parlez", "helfen", "ayudar", "ajudar", "aiutar", "helpen", "pomóc", "помочь", "帮您", "帮你",
    "お手伝い", "도와",
];
/// Boxes that take something to be read later by a person, and answer nothing.
pub(crate) const NOTE: &[&str] = &[
    "feedback", "comment", "note", "suggestion", "review", "rückmeldung", "kommentar", "notiz", "anmerkung", "bewertung", "commentaire", "remarque",
    "avis", "comentario", "sugerencia", "reseña", "comentário", "commento", "recensione", "opmerking", "komentarz", "反馈", "评论", "备注", "コメント",
    "フィードバック", "ご意見", "댓글", "의견", "комментар", "отзыв", "замет",
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
    "hibás", "ontkend", "niet correct", "nie jest poprawn", "nie pasuj", "podane dane", "ошибка", "не найден", "不存在", "有误", "一致しません", "見つかりません", "일치하지", "않습니다", "틀렸", "no coincide", "non corrisp", "não confere", "não corresponde", "ne correspond", "identifiants incorrects", "introuvable", "inconnu", "desconocid", "inexistente", "unbekannt", "expired", "abgelaufen",
];
pub(crate) const SECRET: &[&str] = &[
    "password", "credential", "passwort", "kennwort", "zugangsdaten", "mot de passe", "contraseña", "credencial",
    "senha", "credenziali", "wachtwoord", "hasło", "lösenord", "code", "pin", "密码", "パスワード", "비밀번호", "парол",
    "hasł", "codigo", "código", "codice", "kod", "コード", "验证码", "認証", "코드", "인증", "код", "anmeldedaten", "identifiants", "credenciais", "учетн", "口令",
];
/// The user name or the password, and nothing that a challenge may be called.
pub(crate) const OWN_ACCOUNT: &[&str] = &[
    "password", "credential", "username", "user name", "user id", "userid", "user or", "e-mail", "email", "mail address", "passwort", "kennwort",
    "zugangsdaten", "anmeldedaten", "benutzername", "mot de passe", "identifiant", "nom d'utilisateur", "courriel", "contraseña", "credencia",
    "nombre de usuario", "usuario", "correo", "senha", "usuário", "credenzial", "nome utente", "wachtwoord", "gebruikersnaam", "lösenord", "användarnamn",
    "hasł", "nazwa użytkownika", "парол", "имя пользователя", "логин", "口令", "密码", "密碼", "用户名", "用戶名", "帐号", "账号", "帳號", "パスワード",
    "ユーザー名", "ユーザ名", "ログインid", "비밀번호", "사용자", "아이디", "şifre", "kullanıcı ad", "heslo",
];
/// Said where somebody has to prove to be a person, besides "captcha".
pub(crate) const PERSON: &[&str] = &[
    "human", "robot", "a bot", "bots", "security check", "security verification", "mensch", "kein bot", "sicherheitsabfrage", "sicherheitsprüfung",
    "sicherheitsüberprüfung", "humain", "contrôle de sécurité", "vérification de sécurité", "être humain", "comprobación de seguridad",
    "verificación de seguridad", "control de seguridad", "verificação de segurança", "umano", "essere umano", "controllo di sicurezza",
    "verifica di sicurezza", "een mens", "veiligheidscontrole", "beveiligingscontrole", "człowiek", "weryfikacja bezpieczeństwa", "människa",
    "säkerhetskontroll", "menneske", "güvenlik kontrol", "güvenlik doğrula", "insan oldu", "робот", "человек", "капч", "проверка безопасности",
    "проверку безопасности", "人机", "人機", "机器人", "機器人", "真人", "图形验证", "圖形驗證", "滑动验证", "安全验证", "安全驗證", "ロボット", "人間", "画像認証",
    "セキュリティチェック", "로봇", "사람임", "보안문자", "보안 문자", "자동입력", "자동등록", "자동 입력",
];
/// What a complaint beside a challenge may call its picture, its text or its proof.
pub(crate) const PICTURE: &[&str] = &[
    "code", "characters", "letters", "picture", "image", "verif", "proof", "zeichen", "bild", "überprüf", "caract", "vérif", "imagen", "imagem",
    "immagine", "caratteri", "afbeelding", "tekens", "obraz", "znaki", "kod", "código", "codice", "код", "картинк", "символ", "провер", "验证", "驗證", "图片",
    "圖片", "认证", "文字", "画像", "認証", "検証", "그림", "이미지", "문자", "인증", "확인",
];
/// Calls on somebody to give something again.
pub(crate) const ANEW: &[&str] = &[
    "please", "enter", "again", "retry", "re-enter", "retype", "bitte", "erneut", "nochmal", "noch einmal", "geben sie", "veuillez", "saisi", "à nouveau",
    "réessa", "por favor", "introduz", "ingres", "vuelva", "de nuevo", "digite", "novamente", "inserisci", "di nuovo", "riprova", "opnieuw", "voer",
    "proszę", "wpisz", "ponownie", "пожалуйста", "введите", "снова", "еще раз", "ещё раз", "请", "請", "重新", "再次", "再度", "もう一度", "다시", "입력해",
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
    "zu oft", "zablokowan", "zbyt wiele", "слишком много", "заблокирован", "превышен", "tymczasowo", "bloccato", "bloqueado", "bloqueada", "verrouillé", "bloqué", "geblokkeerd", "vergrendeld", "锁定", "鎖定", "稍后再试", "ロックされ", "しばらくして", "잠겼", "잠금", "나중에 다시",
];
pub(crate) const EXIT: &[&str] = &[
    "log out", "logout", "log-out", "sign out", "signout", "sign-out", "log off", "logoff", "sign off", "abmelden", "ausloggen",
    "déconnexion", "se déconnecter", "déconnecter", "cerrar ses", "salir", "desconectar", "sair", "terminar sess", "encerrar sess", "esci",
    "disconnetti", "uitloggen", "afmelden", "wyloguj", "logga ut", "log ud", "logg ut", "kirjaudu ulos", "退出登录", "退出", "登出", "注销", "ログアウト",
    "サインアウト", "로그아웃", "выйти", "выход", "çıkış", "odhlásit", "вийти",
];
/// Said of signing out in more places than this one.
pub(crate) const EVERYWHERE: &[&str] = &[
    "everywhere", "all devices", "all sessions", "other devices", "other sessions", "überall", "allen geräten", "allen sitzungen", "anderen geräten", "partout",
    "tous les appareils", "todos los dispositivos", "todas las sesiones", "todos os dispositivos", "tutti i dispositivi", "alle apparaten", "overal",
    "wszystkich", "всех устройств", "所有设备", "すべてのデバイス", "모든 기기",
];
/// Said of what takes something away for good.
pub(crate) const REMOVE: &[&str] = &[
    "delete", "remove", "deactivate", "close account", "unsubscribe", "cancel", "löschen", "entfernen", "deaktivieren", "kündigen", "abbrechen", "supprimer",
    "désactiver", "annuler", "eliminar", "borrar", "desactivar", "cancelar", "excluir", "apagar", "elimina", "annulla", "verwijder", "annuleren", "usuń",
    "anuluj", "удалить", "отмена", "删除", "取消", "削除", "キャンセル", "삭제", "취소",
    // Of an account: to sign it off for good.
    "注销", "註銷", "销户", "銷戶", "탈퇴", "退会",
];
/// Said of ending a connection, which may be that of the account if nothing else is named after it.
pub(crate) const DISCONNECTS: &[&str] = &["desconectar", "déconnecter", "disconnetti"];
/// Said of leaving something else than the account: a group, a conversation, a list of addresses, a view.
pub(crate) const LEAVES_ELSE: &[&str] = &[
    "group", "gruppe", "grupo", "groupe", "gruppo", "группы", "группу", "чата", "беседы", "群", "conversation", "conversa", "newsletter", "nieuwsbrief",
    "全屏", "编辑", "full screen", "fullscreen", "vollbild", "sign off on", "channel", "kanal",
];
/// Said of a menu.
pub(crate) const MENU: &[&str] = &[
    "menu", "menü", "menú", "more", "mehr", "settings", "einstellungen", "options", "optionen", "paramètres", "ajustes", "configuración", "configurações",
    "impostazioni", "instellingen", "ustawienia", "konto", "account", "user", "меню", "настройки", "菜单", "设置", "メニュー", "設定", "메뉴", "설정",
];
pub(crate) const ACCOUNT: &[&str] = &[
    "my account", "mein konto", "mon compte", "mi cuenta", "minha conta", "il mio account", "mijn account", "moje konto", "profile", "profil",
    "user menu", "account menu", "avatar", "профиль", "мой аккаунт", "マイページ", "アカウント", "个人中心", "我的账户", "프로필", "내 계정",
];
pub(crate) const CODE: &[&str] = &[
    "one-time", "one time", "otp", "totp", "2fa", "mfa", "two-factor", "two factor", "two-step", "2-step", "verification code",
    "authenticator", "security code", "passcode", "auth code", "authentication code", "token", "6-digit", "six-digit", "bestätigungscode",
    "sicherheitscode", "prüfcode", "einmal", "zwei-faktor", "zwei-schritt", "code de vérification", "code de sécurité", "à usage unique",
    "deux facteurs", "código de verific", "código de seguridad", "dos factores", "dos pasos", "código de segurança", "dois fatores",
    "duas etapas", "codice di verifica", "codice di sicurezza", "due fattori", "verificatiecode", "beveiligingscode", "tweestaps",
    "kod weryfikacyjny", "kod bezpieczeństwa", "jednorazow", "dwuetapow", "验证码", "驗證碼", "動態", "动态", "两步验证", "認証コード", "確認コード",
    "ワンタイム", "二段階", "확인 코드", "인증 코드", "인증번호", "код подтверждения", "одноразов", "двухфактор", "код безопасности",
];
/// Said of a code that has been sent, and is made by no app.
pub(crate) const SENT: &[&str] = &[
    "we sent", "we have sent", "we've sent", "was sent", "sent to", "we texted", "we emailed", "we e-mailed", "text message", "sms", "by email",
    "by e-mail", "check your email", "check your inbox", "to your phone", "gesendet", "geschickt", "per e-mail", "envoyé", "par e-mail",
    "par sms", "enviado", "enviamos", "por correo", "por e-mail", "inviato", "via e-mail", "verzonden", "gestuurd", "wysłali", "wysłan",
    "отправ", "已发送", "發送", "短信", "邮箱", "送信しました", "メール", "전송", "보냈", "문자",
];
/// Said of an authenticator app.
pub(crate) const APP: &[&str] = &[
    "authenticator", "authentication app", "authenticator-app", "totp", "token generator", "code generator", "generated by", "authentifizierungs-app",
    "authentifizierungsapp", "application d'authentification", "aplicación de autenticación", "app de autenticação", "aplicativo autenticador",
    "autenticador", "app di autenticazione", "authenticatie-app", "aplikacji uwierzytelniającej", "приложени", "认证器", "驗證器", "身份验证器",
    "認証アプリ", "인증 앱", "인증 앱",
];
/// Said where something has to be confirmed elsewhere, without a code.
pub(crate) const APPROVE: &[&str] = &[
    "approve the", "approve this", "approve sign", "approve your", "confirm on your", "check your phone", "check your device", "sent a notification",
    "push notification", "open the app on", "tap yes", "check your inbox", "check your email", "check your e-mail", "sent you a link", "magic link",
    "sent a link", "auf ihrem smartphone", "auf ihrem handy", "auf deinem handy", "posteingang", "confirmez sur", "sur votre téléphone",
    "consultez votre", "en tu teléfono", "en su teléfono", "revisa tu correo", "no seu telefone", "no seu celular", "verifique seu e-mail",
    "sul tuo telefono", "controlla la tua", "op je telefoon", "op uw telefoon", "controleer je", "na telefonie", "sprawdź swoją", "на телефоне",
    "проверьте почту", "スマートフォンで", "メールを確認", "휴대전화에서", "이메일을 확인", "在手机上", "查看您的邮", "查收邮件",
];
/// Said on a page that asks to let another app in.
pub(crate) const CONSENT: &[&str] = &[
    "wants to access", "would like to", "requests access", "requesting access", "is requesting", "authorize", "authorise", "authorization",
    "permission", "grant", "consent", "allow", "access your", "access to your", "scopes", "möchte", "zugriff", "berechtigung", "autorisier",
    "zulassen", "souhaite accéder", "demande l'accès", "autoris", "permet", "quiere acceder", "autoriza", "permiso", "permitir", "deseja acessar",
    "permiss", "vuole accedere", "accesso al", "consent", "wil toegang", "toestemming", "toegang", "chce uzyskać", "dostęp", "uprawnie", "zezw",
    "запрашивает доступ", "разреш", "доступ", "アクセス", "許可", "同意", "授权", "授權", "权限", "허용", "권한", "동의",
];
pub(crate) const ALLOW: &[&str] = &[
    "allow", "accept", "authorize", "authorise", "approve", "agree", "i agree", "grant", "continue", "confirm", "yes", "proceed", "zulassen",
    "erlauben", "akzeptieren", "zustimmen", "autorisieren", "fortfahren", "weiter", "bestätigen", "ja", "autoriser", "accepter", "continuer",
    "oui", "permitir", "autorizar", "aceptar", "aceitar", "continuar", "confirmar", "sí", "sim", "consenti", "autorizza", "accetta", "continua",
    "conferma", "toestaan", "accepteren", "doorgaan", "akkoord", "zezwól", "zezwalaj", "akceptuj", "kontynuuj", "potwierdź", "tak",
    "разрешить", "принять", "продолжить", "подтвердить", "да", "許可する", "許可", "同意する", "同意", "続行", "続ける", "承認", "はい", "允许", "允許", "授权",
    "授權", "接受", "继续", "繼續", "确认", "是", "허용", "동의", "계속", "수락", "승인", "예",
];
pub(crate) const DENY: &[&str] = &[
    "deny", "cancel", "decline", "reject", "refuse", "disallow", "don't", "do not", "not now", "abbrechen", "ablehnen", "verweigern", "nicht",
    "nein", "annuler", "refuser", "non", "pas", "cancelar", "denegar", "rechazar", "negar", "recusar", "não", "annulla", "rifiuta", "nega",
    "annuleren", "weigeren", "niet", "nee", "odrzuć", "anuluj", "nie", "отмена", "отклонить", "запретить", "нет", "не разрешать", "不允许",
    "取消", "拒绝", "拒絕", "不同意", "否", "キャンセル", "拒否", "許可しない", "同意しない", "いいえ", "취소", "거부", "동의하지", "허용 안", "아니요", "no",
];
pub(crate) const STAY: &[&str] = &[
    "stay signed in", "stay logged in", "keep me signed in", "keep me logged in", "remain signed in", "keep you signed in", "angemeldet bleiben",
    "eingeloggt bleiben", "rester connecté", "mantener la sesión", "mantener sesión", "permanecer conectado", "manter sessão", "manter-me conectado",
    "continuar conectado", "resta connesso", "rimani connesso", "rimanere connesso", "aangemeld blijven", "ingelogd blijven", "pozostań zalogowan",
    "nie wylogowuj", "оставаться в системе", "остаться в системе", "не выходить", "サインインの状態を維持", "ログイン状態を保持", "ログインしたまま", "保持登录", "保持登入",
    "로그인 상태 유지", "로그인 유지",
];
/// Said by a box that keeps the account signed in.
pub(crate) const REMEMBER: &[&str] = &[
    "remember me", "remember my", "rememberme", "remember", "keep me", "stay signed", "stay logged", "angemeldet bleiben", "eingeloggt bleiben",
    "angemeldet lassen", "merken", "se souvenir", "rester connecté", "recordar", "recuérdame", "mantener", "lembrar", "manter", "continuar conectado",
    "ricorda", "resta connesso", "onthoud", "aangemeld blijven", "ingelogd blijven", "zapamiętaj", "pozostań", "запомнить", "оставаться",
    "ログイン状態", "ログインしたまま", "記憶", "记住", "記住", "保持登录", "自动登录", "로그인 상태", "로그인 유지", "기억",
];
/// Puts off what a page offers between login and app.
pub(crate) const LATER: &[&str] = &[
    "not now", "maybe later", "later", "skip", "remind me", "ask me later", "no thanks", "do this later", "später", "nicht jetzt", "überspringen",
    "plus tard", "pas maintenant", "passer", "ahora no", "más tarde", "omitir", "agora não", "mais tarde", "pular", "non ora", "più tardi",
    "salta", "niet nu", "overslaan", "nie teraz", "później", "pomiń", "не сейчас", "позже", "пропустить", "今はしない", "後で", "あとで", "スキップ",
    "以后再说", "稍后", "暂不", "跳过", "나중에", "건너뛰기",
];
/// Words for the e-mail address or the password, in what chooses that way of signing in.
pub(crate) const OWN_WAY: &[&str] = &[
    "email", "e-mail", "mail", "password", "username", "user name", "passwort", "kennwort", "benutzername", "mot de passe", "courriel", "identifiant",
    "correo", "contraseña", "usuario", "senha", "usuário", "posta elettronica", "wachtwoord", "gebruikersnaam", "hasł", "hasło", "почт", "парол",
    "логин", "メール", "パスワード", "ユーザー名", "邮箱", "电子邮件", "密码", "帐号", "账号", "이메일", "비밀번호", "아이디",
];
/// Words that lead to further ways of signing in.
pub(crate) const OTHER_WAYS: &[&str] = &[
    "other option", "other way", "another way", "another method", "other method", "more option", "more ways", "other sign", "weitere option",
    "andere option", "andere methode", "andere möglichkeit", "autres options", "autre méthode", "otras opciones", "otro método", "otra forma",
    "outras opções", "outro método", "altre opzioni", "altro metodo", "andere opties", "andere manier", "inne opcje", "inny sposób",
    "другие способы", "другой способ", "その他の方法", "別の方法", "其他方式", "其他登录", "更多选项", "다른 방법",
];
/// In what chooses the e-mail address for something else than signing in with a password.
pub(crate) const NOT_OWN_WAY: &[&str] = &[
    "forgot", "reset", "recover", "sign up", "signup", "register", "create", "join", "subscribe", "newsletter", "contact", "link", "vergessen",
    "registrier", "abonn", "oublié", "inscri", "olvid", "regist", "crear", "esquec", "criar", "dimenticat", "crea ", "vergeten", "zapomnia",
    "zarejestruj", "забыли", "регистр", "忘れ", "登録", "忘记", "注册", "찾기", "가입",
];
/// Said by a page that has let nobody in, besides [`WRONG`].
pub(crate) const NO_ENTRY: &[&str] = &[
    "could not", "couldn't", "cannot", "can't", "can not", "unable", "did not work", "didn't work", "denied", "not authori", "not allowed",
    "forbidden", "refused", "rejected", "disabled", "suspended", "deactivated", "blocked", "not logged in", "not signed in", "oops", "sorry",
    "nicht", "leider", "deaktiviert", "abgelehnt", "verweigert", "impossible", "refusé", "désactivé", "désolé", "no se pudo", "no se ha",
    "denegado", "desactivad", "lo sentimos", "não foi", "negado", "desativad", "impossibile", "negato", "disattivat", "niet", "geweigerd",
    "geblokkeerd", "nie można", "nie udało", "odmow", "zablokowan", "не удалось", "отказано", "заблокирован", "отключен", "できません", "できない",
    "拒否", "停止", "不能", "无法", "無法", "拒绝", "禁用", "停用", "없습니다", "거부", "차단", "정지",
];
/// Greets somebody who has come in.
pub(crate) const WELCOME: &[&str] = &[
    "welcome", "hello", "hi,", "dashboard", "logged in", "signed in", "you are in", "you're in", "success", "willkommen", "hallo", "angemeldet als",
    "eingeloggt", "erfolgreich", "bienvenue", "bonjour", "connecté", "tableau de bord", "bienvenid", "hola", "bem-vind", "olá", "painel",
    "benvenut", "ciao", "welkom", "ingelogd", "witaj", "zalogowan", "добро пожаловать", "здравствуйте", "ようこそ", "こんにちは", "欢迎", "您好", "환영",
    "안녕하세요",
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
pub(crate) const NEW_CHAT: &[&str] = &[
    "new chat", "newchat", "new conversation", "new thread", "new session", "new dialog", "new topic", "new discussion", "start over",
    "start a new", "start new", "neuer chat", "neuen chat", "neue unterhaltung", "neues gespräch", "neue konversation", "nouveau chat",
    "nouvelle conversation", "nouvelle discussion", "nuevo chat", "nueva conversación", "nueva charla", "novo chat", "nova conversa",
    "nuova chat", "nuova conversazione", "nieuwe chat", "nieuw gesprek", "nowy czat", "nowa rozmowa", "ny chatt", "ny konversation",
    "ny samtal", "新对话", "新建对话", "新聊天", "新会话", "新建会话", "新對話", "新しいチャット", "新規チャット", "新しい会話", "새 채팅", "새 대화",
    "새로운 채팅", "новый чат", "новый диалог", "новая беседа",
];
/// Of these, what may begin something else on a page without a chat box: an application, a shop's order.
const NEW_ANYTHING: &[&str] = &[
    "new thread", "new session", "new topic", "new discussion", "start over", "start a new", "start new",
];
/// Whether a control for a new chat says so in words that mean nothing else.
pub(crate) fn names_new_chat(text: &str) -> bool {
    NEW_CHAT.iter().any(|word| !NEW_ANYTHING.contains(word) && any(text, &[word]))
}
pub(crate) const AGREE: &[&str] = &[
    "confirm", "ok", "okay", "yes", "continue", "proceed", "start", "new", "bestätigen", "ja", "weiter", "fortfahren", "confirmer", "oui",
    "continuer", "confirmar", "sí", "sim", "continuar", "conferma", "sì", "continua", "bevestig", "potwierdź", "tak", "bekräfta", "确认", "确定",
    "是", "確認", "はい", "확인", "예", "подтвердить", "да",
];
pub(crate) const DISAGREE: &[&str] = &[
    "cancel", "no", "close", "dismiss", "keep", "back", "delete", "abbrechen", "nein", "behalten", "löschen", "annuler", "non", "supprimer",
    "cancelar", "não", "eliminar", "excluir", "annulla", "elimina", "annuleren", "nee", "anuluj", "nie", "avbryt", "nej", "取消", "否", "删除",
    "キャンセル", "いいえ", "削除", "취소", "아니", "отмена", "нет", "удалить",
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
