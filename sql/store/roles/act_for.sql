-- Make the owner a member of the service's role, which handing over tables requires.
grant {role} to current_user
