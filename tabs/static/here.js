() => "here"
