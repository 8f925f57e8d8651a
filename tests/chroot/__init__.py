"""timelined installed in bare Debian systems, up to the first own incident from a real Alertmanager.

    python -m tests.chroot              everything, as root; needs debootstrap and a mirror
    python -m tests.chroot deb wheel    only these

``roots`` makes the bare systems and enters them, ``ways`` installs in each as README says and follows README to an
incident, and ``image`` runs the steps of the Dockerfile, for which there is no engine. Packages come with the network;
what is served and asked is on a loopback interface of its own, so README's ports are free.
"""
