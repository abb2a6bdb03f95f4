"""What a help desk is: tickets, messages, customers, agents. No HTTP, no HTML, no network."""
