"""Proofs of exclusion: agents fight over rows while processes, connections and the server die.

ground (database, audit) -> fleet (processes of agents, faults) -> history (what the database noted)
-> oracle (pure: what must hold of it). agent.py and its neighbours run inside the processes.
"""
