"""django-helpdesk at the root, as its own quick start has it."""

from django.urls import include, path

urlpatterns = [path("", include("helpdesk.urls", namespace="helpdesk"))]
