query => query ? window.location.origin + window.location.pathname + query : ''
