"""The ground it stands on: creates, scales and removes a cloud platform and deploys s1pdgs on it."""
