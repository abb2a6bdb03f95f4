"""Settings of a plain django-helpdesk: SQLite in WAL, mail goes nowhere, static files by whitenoise."""

import os

DEBUG, SECRET_KEY, ALLOWED_HOSTS, USE_TZ = False, "of-a-measurement", ["*"], True
ROOT_URLCONF, SITE_ID, STATIC_URL = "bench.peer.urls", 1, "/static/"
HOME = os.environ["PEER_HOME"]
STATIC_ROOT, MEDIA_ROOT, MEDIA_URL = f"{HOME}/static", f"{HOME}/media", "/media/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
LOGIN_URL, HELPDESK_TEAMS_MODE_ENABLED = "/login/", False
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{HOME}/helpdesk.db", "OPTIONS": {
    "transaction_mode": "IMMEDIATE", "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"}}}
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                  "django.contrib.sessions", "django.contrib.messages", "django.contrib.sites",
                  "django.contrib.humanize", "django.contrib.staticfiles", "rest_framework", "helpdesk"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware",
              "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
              "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
              "django.contrib.messages.middleware.MessageMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
    "context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                           "django.contrib.messages.context_processors.messages"]}}]
LOGGING = {"version": 1, "disable_existing_loggers": True}
